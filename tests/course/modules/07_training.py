"""Module 07: schedule, clipping and Trainer in plain NumPy, on the package's earlier modules."""

# %%
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np

from tinytorch.core import training as package
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.losses import CrossEntropyLoss, MSELoss
from tinytorch.core.optimizers import SGD, Adam, AdamW
from tinytorch.core.tensor import Tensor


# %%
class CosineSchedule:
    def __init__(self, max_lr=0.1, min_lr=0.01, total_epochs=100):
        self.max_lr, self.min_lr, self.total_epochs = max_lr, min_lr, total_epochs

    def get_lr(self, epoch):
        if epoch >= self.total_epochs:
            return self.min_lr
        cosine_factor = (1 + np.cos(np.pi * epoch / self.total_epochs)) / 2
        return self.min_lr + (self.max_lr - self.min_lr) * cosine_factor


def clip_grad_norm(parameters, max_norm=1.0):
    if not parameters:
        return 0.0
    total_norm = 0.0
    for param in parameters:
        if param.grad is not None:
            grad_data = param.grad.data if isinstance(param.grad, Tensor) else param.grad
            total_norm += np.sum(grad_data**2)
    total_norm = np.sqrt(total_norm)
    if total_norm > max_norm:
        for param in parameters:
            if isinstance(param.grad, Tensor):
                param.grad.data = param.grad.data * (max_norm / total_norm)
            elif param.grad is not None:
                param.grad = param.grad * (max_norm / total_norm)
    return float(total_norm)


class Trainer:
    def __init__(self, model, optimizer, loss_fn, scheduler=None, grad_clip_norm=None):
        self.model, self.optimizer, self.loss_fn = model, optimizer, loss_fn
        self.scheduler, self.grad_clip_norm = scheduler, grad_clip_norm
        self.epoch = self.step = 0
        self.training_mode = True
        self.history = {"train_loss": [], "eval_loss": [], "learning_rates": []}

    def train_epoch(self, dataloader, accumulation_steps=1):
        self.model.training = True
        self.training_mode = True
        total_loss = num_batches = 0
        accumulated_loss = 0.0
        for batch_idx, (inputs, targets) in enumerate(dataloader):
            outputs = self.model.forward(inputs)
            loss = self.loss_fn.forward(outputs, targets)
            accumulated_loss += loss.data / accumulation_steps
            loss.backward()
            if (batch_idx + 1) % accumulation_steps == 0:
                self.update()
                total_loss += accumulated_loss
                accumulated_loss = 0.0
                num_batches += 1
                self.step += 1
        if accumulated_loss > 0:
            self.update()
            total_loss += accumulated_loss
            num_batches += 1
        avg_loss = total_loss / max(num_batches, 1)
        self.history["train_loss"].append(avg_loss)
        if self.scheduler is not None:
            current_lr = self.scheduler.get_lr(self.epoch)
            self.optimizer.lr = current_lr
            self.history["learning_rates"].append(current_lr)
        self.epoch += 1
        return avg_loss

    def update(self):
        if self.grad_clip_norm is not None:
            clip_grad_norm(self.model.parameters(), self.grad_clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def evaluate(self, dataloader):
        self.model.training = False
        self.training_mode = False
        total_loss, correct, total = 0.0, 0, 0
        for inputs, targets in dataloader:
            outputs = self.model.forward(inputs)
            total_loss += self.loss_fn.forward(outputs, targets).data
            if len(outputs.data.shape) > 1:
                predictions = np.argmax(outputs.data, axis=1)
                if len(targets.data.shape) == 1:
                    correct += np.sum(predictions == targets.data)
                else:
                    correct += np.sum(predictions == np.argmax(targets.data, axis=1))
                total += len(predictions)
        avg_loss = total_loss / len(dataloader) if len(dataloader) > 0 else 0.0
        self.history["eval_loss"].append(avg_loss)
        return avg_loss, (correct / total if total > 0 else 0.0)

    def save_checkpoint(self, path):
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "model_state": {i: p.data.copy() for i, p in enumerate(self.model.parameters())},
            "optimizer_state": {"lr": self.optimizer.lr},
            "scheduler_state": None if self.scheduler is None else dict(vars(self.scheduler)),
            "history": self.history,
            "training_mode": self.training_mode,
        }
        if hasattr(self.optimizer, "has_momentum") and self.optimizer.has_momentum():
            state["optimizer_state"]["momentum_buffers"] = self.optimizer.get_momentum_state()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as f:  # noqa: PTH123
            pickle.dump(state, f)


# %%
class Classifier:
    """A model as in the notebooks: no base class, no __call__."""

    def __init__(self, width=12):
        self.layer1, self.layer2 = Linear(2, width), Linear(width, 3)
        self.training = True

    def forward(self, x):
        hidden = self.layer1.forward(x)
        positive = Tensor(np.maximum(0, np.sign(hidden.data)))
        return self.layer2.forward(hidden * positive)

    def parameters(self):
        return self.layer1.parameters() + self.layer2.parameters()


def blobs(batches=6, size=16):
    rng = np.random.default_rng(3)
    centres = np.array([[2.0, 0], [-2, 2], [-2, -2]])
    data = []
    for _ in range(batches):
        labels = rng.integers(0, 3, size)
        points = centres[labels] + rng.normal(scale=0.5, size=(size, 2))
        data.append((Tensor(points), Tensor(labels)))
    return data


def make(trainer_cls, optimizer="sgd", **settings):
    np.random.seed(11)
    model = Classifier()
    if optimizer == "sgd":
        optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    else:
        optimizer = AdamW(model.parameters(), lr=0.01)
    return trainer_cls(model, optimizer, CrossEntropyLoss(), **settings)


def test_unit_cosine_schedule():
    for args in ((), (0.1, 0.01, 100), (1.0, 0.0, 7)):
        own, other = CosineSchedule(*args), package.CosineSchedule(*args)
        for epoch in range(own.total_epochs + 5):
            assert abs(own.get_lr(epoch) - other.get_lr(epoch)) < 1e-12
            assert isinstance(other.get_lr(epoch), float)
        assert vars(own) == vars(other)


def test_unit_clip_grad_norm():
    for wrap in (np.asarray, Tensor):
        results = []
        for clip in (clip_grad_norm, package.clip_grad_norm):
            params = [Tensor(np.ones(3), requires_grad=True) for _ in range(3)]
            params[0].grad, params[1].grad = wrap(np.array([3.0, 4, 0])), wrap(np.full(3, 2.0))
            norm = clip(params, max_norm=1.0)
            assert isinstance(norm, float)
            total = np.sqrt(sum(np.sum(np.asarray(p.grad.data) ** 2) for p in params[:2]))
            assert abs(total - 1.0) < 1e-6
            assert type(params[0].grad) is type(wrap(np.ones(1))) or wrap is np.asarray
            results.append((norm, np.asarray(params[0].grad.data)))
        assert abs(results[0][0] - results[1][0]) < 1e-5
        assert np.allclose(results[0][1], results[1][1], atol=1e-6)
    assert package.clip_grad_norm([]) == 0.0
    assert package.clip_grad_norm([Tensor([1.0], requires_grad=True)]) == 0.0
    small = Tensor([1.0], requires_grad=True)
    small.grad = np.array([0.5])
    kept = small.grad
    assert package.clip_grad_norm([small], 1.0) == 0.5
    assert small.grad is kept


def test_same_training():
    data = blobs()
    for settings in (
        {},
        {"grad_clip_norm": 0.5},
        {"optimizer": "adamw", "scheduler": CosineSchedule(0.05, 0.001, 4)},
    ):
        own, other = make(Trainer, **settings), make(package.Trainer, **settings)
        for steps in (1, 4, 2, 1):
            mine, theirs = own.train_epoch(data, steps), other.train_epoch(data, steps)
            assert np.allclose(mine, theirs, rtol=1e-3)
            assert isinstance(theirs, (float, np.floating))
            assert other.model.training is True
            assert (own.epoch, own.step) == (other.epoch, other.step)
        mine, theirs = own.evaluate(data), other.evaluate(data)
        assert np.allclose(mine, theirs, rtol=1e-3)
        assert other.model.training is False
        assert theirs[1] > 0.9
        assert own.history.keys() == other.history.keys()
        for key, values in own.history.items():
            assert np.allclose(values, other.history[key], rtol=1e-3), key
    one_hot = [(x, Tensor(np.eye(3)[y.data.astype(int)])) for x, y in data]
    other.loss_fn = MSELoss()
    assert other.evaluate(one_hot)[1] == theirs[1]
    assert other.evaluate([]) == (0.0, 0.0)


def test_checkpoints():
    data = blobs()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "deep", "er", "checkpoint.pkl")  # noqa: PTH118
        first = make(package.Trainer, scheduler=package.CosineSchedule(0.2, 0.1, 9))
        for _ in range(2):
            first.train_epoch(data)
        first.save_checkpoint(path)
        second = make(package.Trainer, scheduler=package.CosineSchedule())
        second.load_checkpoint(path)
        assert (second.epoch, second.step) == (2, 12)
        assert second.history == first.history
        assert vars(second.scheduler) == vars(first.scheduler)
        assert second.optimizer.lr == first.optimizer.lr
        for p, q in zip(first.model.parameters(), second.model.parameters(), strict=True):
            assert np.array_equal(p.data, q.data)
            assert p.data is not q.data
        assert first.train_epoch(data) == second.train_epoch(data), "momentum came along"

        own_path = os.path.join(folder, "own.pkl")  # noqa: PTH118
        own = make(Trainer, scheduler=CosineSchedule(0.2, 0.1, 9))
        own.train_epoch(data)
        own.save_checkpoint(own_path)
        second.load_checkpoint(own_path)  # the student's pickle
        assert second.epoch == 1
        assert np.array_equal(second.model.layer1.weight.data, own.model.layer1.weight.data)
        try:
            second.load_checkpoint(Path(folder) / "missing.pkl")
        except FileNotFoundError:
            pass
        else:
            raise AssertionError("a missing file")


# %% [markdown]
# ## Models of the student's own: modes, losses, odd loaders
class Net(Layer):
    """Has a `train` of its own, and names that a base class might use."""

    def __init__(self):
        self.hidden, self.out = Linear(2, 8), Linear(8, 3)
        self.children = ["Ada"]
        self.modules = 2
        self.buffers = None

    def forward(self, x):
        h = self.hidden(x)
        return self.out(h * h)

    def train(self):
        self.training = True

    def eval(self):
        self.training = False


class SumLoss:
    """Its value has shape (1,)."""

    def forward(self, outputs, targets):
        diff = outputs - Tensor(np.eye(3)[targets.data.astype(int)])
        return (diff * diff).sum().reshape(1)


def test_own_models_and_losses():
    data = blobs(4)
    np.random.seed(0)
    net = Net()
    optimizer = Adam(net.parameters(), lr=0.02)
    trainer = package.Trainer(net, optimizer, CrossEntropyLoss())
    first = trainer.train_epoch(data)
    for _ in range(10):
        last = trainer.train_epoch(iter(data))
    assert last < first
    assert net.training is True
    _, accuracy = trainer.evaluate(data)
    assert net.training is False
    assert accuracy > 0.9
    assert len(net.parameters()) == 4
    mean = package.Trainer(net, optimizer, SumLoss()).train_epoch(data)
    assert isinstance(mean, (float, np.floating))


def test_module():
    test_unit_cosine_schedule()
    test_unit_clip_grad_norm()
    test_same_training()
    test_checkpoints()
    test_own_models_and_losses()
    print("module 07: all checks passed")


if __name__ == "__main__":
    test_module()
