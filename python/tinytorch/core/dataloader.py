"""Datasets, batches and augmentations.

Without options a `DataLoader` behaves as the course teaches it: it shuffles with `random.shuffle`,
and augmentations draw from NumPy's global generator. Its keyword-only options add what long
training needs: an order that depends on a seed alone, worker threads, a position to resume from.
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import _sample_order as order
from ._prefetch import prefetched
from .tensor import Tensor

__all__ = [
    "Compose",
    "DataLoader",
    "Dataset",
    "RandomCrop",
    "RandomHorizontalFlip",
    "TensorDataset",
    "sample_rng",
]


class Dataset(ABC):
    """Samples by index. A subclass defines `__len__` and `__getitem__`.

    It may also define `__getbatch__(indices)`, which a `DataLoader` prefers: a tuple of arrays, one
    per field, each what stacking that field of the samples would give; or None to decline.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, idx: int) -> Any: ...


class TensorDataset(Dataset):
    """Tensors with the same first dimension; sample i is the tuple of their rows i."""

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise AssertionError("TensorDataset needs at least one tensor")
        self.tensors = tuple(t if isinstance(t, Tensor) else Tensor(t) for t in tensors)
        if any(t.data.ndim == 0 for t in self.tensors):
            raise ValueError("TensorDataset needs tensors with a first dimension, got a 0-d tensor")
        sizes = [len(t.data) for t in self.tensors]
        if len(set(sizes)) > 1:
            raise ValueError(f"All tensors must have the same size in first dimension, got {sizes}")

    def __len__(self) -> int:
        return len(self.tensors[0].data)

    def __getitem__(self, idx: int) -> tuple[Tensor, ...]:
        if not 0 <= idx < len(self):
            raise IndexError(f"Index {idx} out of range for dataset of size {len(self)}")
        return tuple(Tensor(t.data[idx]) for t in self.tensors)

    def __getbatch__(self, indices: Sequence[int]) -> tuple[np.ndarray, ...]:
        rows = np.asarray(indices)
        return tuple(np.take(t.data, rows, axis=0) for t in self.tensors)


class DataLoader:
    """Batches of a dataset: tuples of stacked float32 tensors.

    Args:
        dataset: anything with `len` and indexing. A sample is a tuple of fields (tensors, arrays,
            numbers), or one field alone.
        batch_size: samples per batch; the last batch may be smaller.
        shuffle: draw a new order for each iteration.
        drop_last: leave out a last batch that would be smaller.
        num_workers: threads that prepare batches ahead; 0 prepares them when asked. The batches and
            their order are the same for any number above 0, and with `seed` or `generator` also
            for 0.
        prefetch_factor: batches prepared ahead per worker.
        seed: makes order and augmentation a function of (seed, number of the iteration), whatever
            the global generators hold.
        generator: a `random.Random` or engine `Generator` to draw from instead.

    Raises:
        ValueError: batch_size below 1, negative num_workers, both seed and generator, or samples
            that cannot be stacked. What a worker raises is raised by the iteration, in its turn.

    With `seed`, `generator` or workers, augmentations of a sample draw from `sample_rng()`, which
    depends on the sample and not on the thread; otherwise from `np.random`.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        num_workers: int = 0,
        prefetch_factor: int = 2,
        seed: int | None = None,
        generator: Any = None,
    ) -> None:
        if batch_size < 1 or num_workers < 0 or prefetch_factor < 1:
            raise ValueError(
                "batch_size and prefetch_factor must be at least 1 and num_workers at least 0, got "
                f"{batch_size}, {prefetch_factor} and {num_workers}"
            )
        if seed is not None and generator is not None:
            raise ValueError("give seed or generator, not both")
        if seed is not None and not 0 <= seed < 1 << 64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, got {seed}")
        if generator is not None:
            order.check_source(generator)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.seed = seed
        self.generator = generator
        self._epoch = 0  # iterations begun
        self._current: _Pass | None = None  # the newest of them
        self._resume: dict[str, Any] | None = None

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        state, self._resume = self._resume, None
        current = _Pass(self._epoch) if state is None else _Pass(state["epoch"], state["batch"])
        self._epoch = current.epoch + 1
        self._current = current
        indices = self._order(current, None if state is None else state["order"])
        size = self.batch_size
        batches = [indices[i * size : (i + 1) * size] for i in range(current.batch, len(self))]

        def fetch(batch: Sequence[int]) -> tuple[Tensor, ...]:
            return self._fetch(batch, current)

        if self.num_workers == 0:
            prepared: Iterator[tuple[Tensor, ...]] = map(fetch, batches)
        else:
            ahead = self.num_workers * self.prefetch_factor
            prepared = prefetched(fetch, batches, self.num_workers, ahead)
        for tensors in prepared:
            current.batch += 1
            yield tensors
        current.finished = True

    def _order(self, current: _Pass, saved: dict[str, Any] | None) -> Sequence[int]:
        """The indices of this pass, in order; notes in it what is needed to find them again."""
        count = len(self.dataset)
        if saved is not None:
            source = order.replay(saved)
        elif self.seed is not None:
            source = order.seeded(self.seed, current.epoch)
        else:
            source = random if self.generator is None else self.generator
        private = self.seed is not None or self.generator is not None or self.num_workers > 0
        if self.shuffle or (private and self.seed is None):
            current.order = order.capture(source)
        if self.seed is not None:
            current.sample_seed = self.seed
        elif private:
            current.sample_seed = order.draw_seed(source)
        return order.permutation(source, count) if self.shuffle else range(count)

    def _fetch(self, batch: Sequence[int], current: _Pass) -> tuple[Tensor, ...]:
        if self._batches_directly():
            fields = self.dataset.__getbatch__(np.asarray(batch))
            if fields is not None:
                return tuple(_adopt(np.asarray(field)) for field in fields)
        if current.sample_seed is None:
            return self._collate_batch([self.dataset[i] for i in batch])
        samples = []
        for i in batch:
            with _sample_generator(current.sample_seed, current.epoch, i):
                samples.append(self.dataset[i])
        return self._collate_batch(samples)

    def _batches_directly(self) -> bool:
        """Whether `__getbatch__` exists and speaks for `__getitem__` and `_collate_batch`: a
        subclass that redefines one of these alone means what it says."""
        if type(self)._collate_batch is not DataLoader._collate_batch or "_collate_batch" in vars(
            self
        ):
            return False
        for kind in type(self.dataset).__mro__:
            if "__getbatch__" in vars(kind):
                return True
            if "__getitem__" in vars(kind):
                return False
        return False

    def _collate_batch(self, batch: Sequence[Any]) -> tuple[Tensor, ...]:
        """Stack samples field by field; () for no samples."""
        if not batch:
            return ()
        samples = [s if isinstance(s, (tuple, list)) else (s,) for s in batch]
        if len({len(sample) for sample in samples}) > 1:
            raise ValueError("samples of one batch have different numbers of fields")
        return tuple(_stack(field, i) for i, field in enumerate(zip(*samples, strict=True)))

    def state_dict(self) -> dict[str, Any]:
        """The position, as plain JSON values: what `load_state_dict` needs to go on from here.

        Taken between two batches, it resumes with the batch after the last one handed out. The
        state of the global generators is not part of it.
        """
        current = self._current
        if current is None or current.finished:
            current = _Pass(self._epoch)  # the next one, not begun
        state: dict[str, Any] = {
            "epoch": current.epoch,
            "batch": current.batch,
            "order": current.order,
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
        }
        if self._resume is not None:  # loaded, not begun
            state.update(self._resume)
        if self.generator is not None:
            state["generator"] = order.capture(self.generator)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Make the next iteration go on where `state_dict` was taken, batch for batch.

        ValueError if the dataset or the batch size differ from then.
        """
        for name, now in (("samples", len(self.dataset)), ("batch_size", self.batch_size)):
            if state[name] != now:
                raise ValueError(f"the saved position has {name} {state[name]}, this loader {now}")
        if not 0 <= state["batch"] <= len(self) or state["epoch"] < 0:
            raise ValueError(f"no batch {state['batch']} of epoch {state['epoch']} in this loader")
        saved_order = state["order"]
        if saved_order is not None:
            order.replay(saved_order)  # a damaged state fails here, not in the middle of training
        if self.generator is not None and "generator" in state:
            order.restore(self.generator, state["generator"])
        self._current = None
        self._epoch = state["epoch"]
        self._resume = {name: state[name] for name in ("epoch", "batch", "order")}


class _Pass:
    """One iteration over the data."""

    def __init__(self, epoch: int, batch: int = 0) -> None:
        self.epoch = epoch
        self.batch = batch  # batches handed out
        self.order: dict[str, Any] | None = None  # state of the source before it was drawn from
        self.sample_seed: int | None = None
        self.finished = False


def _adopt(array: np.ndarray) -> Tensor:
    """A tensor over a fresh array, without another copy where it is float32 already."""
    tensor = Tensor.__new__(Tensor)
    tensor._set(np.ascontiguousarray(array, np.float32) if array.ndim else np.float32(array), False)
    return tensor


def _stack(field: Sequence[Any], position: int) -> Tensor:
    arrays = [value.data if isinstance(value, Tensor) else np.asarray(value) for value in field]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"field {position} of the samples has shapes {sorted(shapes)}; a batch needs one shape"
        )
    return _adopt(np.stack([np.asarray(array, np.float32) for array in arrays]))


# ---- augmentation ------------------------------------------------------------------------------

_thread = threading.local()


def sample_rng() -> Any:
    """The random numbers for the sample being loaded in this thread.

    Inside a `DataLoader` with `seed`, `generator` or workers: a `np.random.RandomState` of that
    sample's own. Anywhere else: the module `np.random`. A dataset that draws from it gives the same
    samples for any number of workers.
    """
    return getattr(_thread, "rng", None) or np.random


class _sample_generator:
    def __init__(self, seed: int, epoch: int, index: int) -> None:
        self._key = (seed, epoch, index)

    def __enter__(self) -> None:
        _thread.rng = order.sample_generator(*self._key)

    def __exit__(self, *error: object) -> None:
        _thread.rng = None


class RandomHorizontalFlip:
    """Reverse the last axis with probability p. ndarray in, ndarray out; Tensor in, Tensor out."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Probability must be between 0 and 1, got {p}")
        self.p = p

    def __call__(self, x: Any) -> Any:
        if not sample_rng().random() < self.p:
            return x
        if isinstance(x, Tensor):
            return Tensor(np.flip(x.data, axis=-1))
        return np.flip(x, axis=-1).copy()


class RandomCrop:
    """Surround the image with `padding` zeros, then cut out `size` at a random place.

    `size` is (height, width), or one number for a square. Images are H x W, C x H x W (first axis
    at most 4) or H x W x C.
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 4) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding = padding

    def __call__(self, x: Any) -> Any:
        image = x.data if isinstance(x, Tensor) else np.asarray(x)
        if image.ndim not in (2, 3):
            raise ValueError(f"RandomCrop needs a 2-D or 3-D image, got shape {image.shape}")
        first = 1 if image.ndim == 3 and image.shape[0] <= 4 else 0  # axis of the height
        pads = [(0, 0)] * image.ndim
        pads[first] = pads[first + 1] = (self.padding, self.padding)
        padded = np.pad(image, pads)
        spare = [padded.shape[first + axis] - self.size[axis] for axis in (0, 1)]
        if min(spare) < 0:
            raise ValueError(
                f"a crop of {self.size} does not fit an image of shape {image.shape} "
                f"with padding {self.padding}"
            )
        rng = sample_rng()
        top = rng.randint(0, spare[0] + 1)
        left = rng.randint(0, spare[1] + 1)
        window = [slice(None)] * image.ndim
        window[first] = slice(top, top + self.size[0])
        window[first + 1] = slice(left, left + self.size[1])
        crop = padded[tuple(window)]
        return Tensor(crop) if isinstance(x, Tensor) else crop.copy()


class Compose:
    """Apply transforms one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x
