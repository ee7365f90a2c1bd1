"""A training killed with SIGKILL again and again, at random moments, ends with the bits of one that
was left alone: weights, optimizer moments, history and the state of the random generators."""

import random
import subprocess
import sys
import time

import pytest

TRAINING = """
import hashlib, json, random, sys, warnings
import numpy as np
from tinytorch import Adam, CosineSchedule, CrossEntropyLoss, DataLoader, Dropout, Linear, ReLU
from tinytorch.checkpoint import CheckpointWarning
from tinytorch.core._module import Layer
from tinytorch.datasets import TinyDigits
from tinytorch.train import EarlyStop, Trainer

folder, options = sys.argv[1] or None, json.loads(sys.argv[2])
warnings.simplefilter("ignore", CheckpointWarning)

class MLP(Layer):
    def __init__(self):
        self.fc1 = Linear(64, 32)
        self.relu = ReLU()
        self.dropout = Dropout(0.2)
        self.fc2 = Linear(32, 10)

    def forward(self, x):
        h = self.relu(self.fc1(x))
        return self.fc2(self.dropout(h, training=self.training))

np.random.seed(1)
random.seed(1)
model = MLP()
optimizer = Adam(model.parameters(), lr=0.003)
digits = TinyDigits()
train = DataLoader(digits.dataset("train", flatten=True), 64, shuffle=True, **options)
test = DataLoader(digits.dataset("test", flatten=True), 128)
trainer = Trainer(model, optimizer, CrossEntropyLoss(), schedule=CosineSchedule(0.003, 1e-4, 12),
                  clip_norm=1.0, early_stop=EarlyStop(patience=8), folder=folder, save_every=4,
                  progress=False)
print("ready", flush=True)
trainer.fit(train, 12, validation=test, resume=folder is not None)
weights = hashlib.sha256(b"".join(v.tobytes() for v in model.state_dict().values())).hexdigest()
moments = hashlib.sha256(b"".join(b.tobytes() for b in optimizer.m_buffers + optimizer.v_buffers))
print(json.dumps({"weights": weights, "moments": moments.hexdigest(), "step": trainer.step,
                  "history": trainer.history, "random": [np.random.random(), random.random()]}))
"""


def started(folder: object, options: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(folder), options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def finished(process: subprocess.Popen) -> str | None:
    """What it printed at its end; None if it was killed before."""
    out = process.stdout.read()
    process.stdout.close()
    return out if process.wait() == 0 else None


@pytest.mark.parametrize(
    "options", ["{}", '{"seed": 3, "num_workers": 2}'], ids=["global order", "seeded, 2 workers"]
)
def test_killed_many_times_and_resumed(tmp_path, options):
    process = started("", options)
    began = time.monotonic()
    undisturbed = finished(process)
    assert undisturbed is not None
    # No piece lasts longer than an eighth of the whole, so that a fast machine kills often too.
    piece = (time.monotonic() - began) / 8

    rng = random.Random(options)
    kills, result = 0, None
    deadline = time.monotonic() + 10
    while result is None:
        process = started(tmp_path, options)
        if time.monotonic() < deadline:
            time.sleep(rng.uniform(0.0, piece))
            process.kill()
        result = finished(process)
        kills += result is None
    assert result == undisturbed
    assert kills >= 5
