"""Module 08: datasets, loader and augmentations in plain NumPy, on the package's Tensor."""

# %%
import random
import sys
import unittest
from abc import ABC, abstractmethod

import numpy as np

from tinytorch.core import dataloader as package
from tinytorch.core.tensor import Tensor


# %%
class Dataset(ABC):
    @abstractmethod
    def __len__(self):
        pass

    @abstractmethod
    def __getitem__(self, idx):
        pass


class TensorDataset(Dataset):
    def __init__(self, *tensors):
        assert len(tensors) > 0, "Must provide at least one tensor"
        self.tensors = tensors
        first_size = len(tensors[0].data)
        for tensor in tensors:
            if len(tensor.data) != first_size:
                raise ValueError("All tensors must have same size in first dimension")

    def __len__(self):
        return len(self.tensors[0].data)

    def __getitem__(self, idx):
        if idx >= len(self) or idx < 0:
            raise IndexError(f"Index {idx} out of range for dataset of size {len(self)}")
        return tuple(Tensor(tensor.data[idx]) for tensor in self.tensors)


class DataLoader:
    def __init__(self, dataset, batch_size, shuffle=False):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle

    def __len__(self):
        return (len(self.dataset) + self.batch_size - 1) // self.batch_size

    def __iter__(self):
        indices = list(range(len(self.dataset)))
        if self.shuffle:
            random.shuffle(indices)
        for i in range(0, len(indices), self.batch_size):
            yield self._collate_batch([self.dataset[j] for j in indices[i : i + self.batch_size]])

    def _collate_batch(self, batch):
        if len(batch) == 0:
            return ()
        batched = []
        for field in range(len(batch[0])):
            rows = [getattr(sample[field], "data", sample[field]) for sample in batch]
            batched.append(Tensor(np.stack([np.asarray(row) for row in rows], axis=0)))
        return tuple(batched)


class RandomHorizontalFlip:
    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Probability must be between 0 and 1, got {p}")
        self.p = p

    def __call__(self, x):
        if np.random.random() < self.p:
            if isinstance(x, Tensor):
                return Tensor(np.flip(x.data, axis=-1).copy())
            return np.flip(x, axis=-1).copy()
        return x


class RandomCrop:
    def __init__(self, size, padding=4):
        self.size = (size, size) if isinstance(size, int) else size
        self.padding = padding

    def __call__(self, x):
        data = x.data if isinstance(x, Tensor) else x
        p, (height, width) = self.padding, self.size
        channels_first = data.ndim == 3 and data.shape[0] <= 4
        pads = [(p, p), (p, p)]
        pads = [(0, 0), *pads] if channels_first else pads + [(0, 0)] * (data.ndim - 2)
        padded = np.pad(data, pads, mode="constant")
        rows, cols = padded.shape[1:] if channels_first else padded.shape[:2]
        top = np.random.randint(0, rows - height + 1)
        left = np.random.randint(0, cols - width + 1)
        window = (slice(top, top + height), slice(left, left + width))
        out = padded[(slice(None), *window)] if channels_first else padded[window]
        return Tensor(out) if isinstance(x, Tensor) else out


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x


# %%
def same_batches(own, other):
    own, other = list(own), list(other)
    assert len(own) == len(other)
    for mine, theirs in zip(own, other, strict=True):
        assert isinstance(theirs, tuple)
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert isinstance(b, Tensor)
            assert b.shape == a.shape
            assert b.data.dtype == np.float32
            assert np.array_equal(a.data, b.data)


class Squares(package.Dataset):
    """A subclass of ours; no base constructor; samples of an array and a plain number."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, idx):
        if idx >= self.n:
            raise IndexError("Index out of range")
        return np.array([idx, idx**2]), float(idx % 2)


class TestDatasets(unittest.TestCase):
    def setUp(self):
        self.x = Tensor(np.random.randn(10, 3))
        self.y = Tensor(np.arange(10))

    def test_samples(self):
        own, other = TensorDataset(self.x, self.y), package.TensorDataset(self.x, self.y)
        self.assertEqual(len(other), 10)
        self.assertIs(other.tensors[0], self.x)
        for index in (0, 9, np.int64(3)):
            self.assertIsInstance(other[index], tuple)
            for a, b in zip(own[index], other[index], strict=True):
                self.assertTrue(np.array_equal(a.data, b.data))
                self.assertEqual(a.shape, b.shape)
        other[0][0].data += 100
        self.assertLess(self.x.data[0].max(), 50)
        self.assertEqual(len(list(other)), 10, "iteration ends with IndexError")

    def test_errors(self):
        for cls in (TensorDataset, package.TensorDataset):
            self.assertRaisesRegex(IndexError, "out of range", cls(self.x).__getitem__, 10)
            self.assertRaisesRegex(IndexError, "out of range", cls(self.x).__getitem__, -1)
            self.assertRaises(AssertionError, cls)
            with self.assertRaisesRegex(ValueError, "same size in first dimension"):
                cls(self.x, Tensor(np.ones(9)))
        self.assertRaises(TypeError, package.Dataset)
        self.assertTrue(issubclass(package.TensorDataset, package.Dataset))

    def test_memory(self):
        self.assertGreater(sys.getsizeof(self.x) + self.x.data.nbytes, 120)


class TestLoader(unittest.TestCase):
    def test_order_and_sizes(self):
        x, y = Tensor(np.random.randn(23, 2, 3)), Tensor(np.arange(23))
        for dataset in (TensorDataset(x, y), package.TensorDataset(x, y), Squares(23)):
            for size in (1, 4, 23, 50):
                own, other = DataLoader(dataset, size), package.DataLoader(dataset, size)
                self.assertEqual(len(own), len(other))
                same_batches(own, other)
                same_batches(own, other)

    def test_shuffle_follows_the_seed(self):
        dataset = package.TensorDataset(Tensor(np.arange(40)), Tensor(np.arange(40) * 2))
        own = DataLoader(dataset, 7, shuffle=True)
        other = package.DataLoader(dataset, batch_size=7, shuffle=True)
        for seed in range(3):
            random.seed(seed)
            expected = [*own, *own]
            random.seed(seed)
            same_batches(expected, [*other, *other])
        seen = np.concatenate([batch[0].data for batch in other])
        self.assertEqual(sorted(seen), list(range(40)))

    def test_other_sources(self):
        pairs = [(np.random.randn(4), np.float32(i)) for i in range(5)]
        numbers = [(np.ones(2), 1), (np.zeros(2), 0), (np.ones(2), 2)]
        tensors = [(Tensor([1.0, i]), Tensor(i)) for i in range(3)]
        for source in (pairs, numbers, tensors):
            same_batches(DataLoader(source, 2), package.DataLoader(source, 2))
        self.assertEqual(list(package.DataLoader([], 4)), [])
        self.assertEqual(package.DataLoader([], 4)._collate_batch([]), ())
        single = next(iter(package.DataLoader([np.ones(3), np.zeros(3)], 2)))
        self.assertEqual(single[0].shape, (2, 3))

    def test_own_collate(self):
        class Padded(package.DataLoader):
            def _collate_batch(self, batch):
                longest = max(len(sample) for sample in batch)
                rows = [np.pad(sample, (0, longest - len(sample))) for sample in batch]
                return Tensor(np.stack(rows))

        loader = Padded([np.ones(n) for n in (1, 3, 2, 5)], 2)
        self.assertEqual([b.shape for b in loader], [(2, 3), (2, 5)])
        loader.dataset = loader.dataset[:1]
        loader.batch_size = 1
        self.assertEqual(len(loader), 1)
        iterator = iter(loader)
        next(iterator)
        self.assertRaises(StopIteration, next, iterator)


class TestAugmentation(unittest.TestCase):
    def check(self, own, other, *sources):
        for source in sources:
            for seed in range(6):
                np.random.seed(seed)
                mine = own(source)
                np.random.seed(seed)
                theirs = other(source)
                self.assertIs(type(theirs), type(mine))
                self.assertEqual(theirs.shape, mine.shape)
                self.assertTrue(np.array_equal(np.asarray(theirs), np.asarray(mine)))

    def test_flip(self):
        image = np.arange(12.0).reshape(1, 3, 4)
        for p in (0.0, 0.5, 1.0):
            self.check(RandomHorizontalFlip(p), package.RandomHorizontalFlip(p), image,
                       Tensor(image))  # fmt: skip
        self.assertIs(package.RandomHorizontalFlip(0.0)(image), image)
        flipped = package.RandomHorizontalFlip(1.0)(image)
        self.assertFalse(np.shares_memory(flipped, image))
        for p in (-0.1, 1.1):
            with self.assertRaisesRegex(ValueError, "Probability must be between 0 and 1"):
                package.RandomHorizontalFlip(p)

    def test_crop(self):
        images = [np.random.rand(*s) for s in ((8, 8), (3, 8, 8), (8, 8, 3), (1, 6, 9), (9, 5, 6))]
        for image in images:
            for padding in (0, 2, 4):
                self.check(RandomCrop(5, padding), package.RandomCrop(5, padding), image,
                           Tensor(image))  # fmt: skip
        self.check(RandomCrop((3, 6), 1), package.RandomCrop((3, 6), padding=1), images[1])
        self.assertEqual(package.RandomCrop(32).size, (32, 32))
        self.assertRaises(ValueError, package.RandomCrop(2), np.ones((1, 3, 4, 4)))

    def test_compose(self):
        own = Compose([RandomHorizontalFlip(), lambda x: x * 2, RandomCrop(6, 2)])
        other = package.Compose(
            [package.RandomHorizontalFlip(), lambda x: x * 2, package.RandomCrop(6, padding=2)]
        )
        self.check(own, other, np.random.rand(3, 6, 6), Tensor(np.random.rand(6, 6)))
        self.assertEqual(len(other.transforms), 3)


if __name__ == "__main__":
    result = unittest.main(argv=["module"], exit=False, verbosity=0).result
    assert result.wasSuccessful()
    assert result.testsRun == 10
    print("module 08: all checks passed")
