"""Training by a recipe beside PyTorch running the same: images per second and peak memory.

    python benchmarks/cifar_train.py --recipes standard,swiftcnn --threads 2 --json results.json

Network, batches, augmentation, loss, optimizer and schedule are the same (cifar/torch_recipe.py);
a turn is some 2,000 images (training_rates.py has the rest).
"""

from __future__ import annotations

from pathlib import Path

from training_rates import main

WORKER = Path(__file__).resolve().parent / "cifar" / "worker.py"

if __name__ == "__main__":
    main(WORKER, "images", "standard,swiftcnn", (__doc__ or "").splitlines()[0])
