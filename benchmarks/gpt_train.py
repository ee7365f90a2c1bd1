"""Training a language model by a recipe beside PyTorch running the same: tokens per second, memory.

    python benchmarks/gpt_train.py --recipes quick,standard --threads 2 --json results.json

Network, starting weights, batches, loss, optimizers and schedule are the same (gpt/torch_recipe.py,
whose test is that losses agree); a turn is three steps (training_rates.py has the rest).
"""

from __future__ import annotations

from pathlib import Path

from training_rates import main

WORKER = Path(__file__).resolve().parent / "gpt" / "worker.py"

if __name__ == "__main__":
    main(WORKER, "tokens", "quick,standard", (__doc__ or "").splitlines()[0])
