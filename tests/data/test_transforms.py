"""Augmentations: which random numbers they draw, and what they do with them."""

import numpy as np
import pytest

from tinytorch import Compose, RandomCrop, RandomHorizontalFlip, Tensor


@pytest.mark.parametrize("shape", [(3,), (2, 3), (3, 4, 5)])
def test_flip_reverses_the_last_axis(shape):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    flipped = RandomHorizontalFlip(1.0)(x)
    assert np.array_equal(flipped, x[..., ::-1])
    assert not np.shares_memory(flipped, x)
    tensor = RandomHorizontalFlip(1.0)(Tensor(x))
    assert isinstance(tensor, Tensor)
    assert np.array_equal(tensor.data, x[..., ::-1])
    assert RandomHorizontalFlip(0.0)(x) is x


def test_flip_draws_one_number_from_the_global_generator():
    flip = RandomHorizontalFlip()
    assert flip.p == 0.5
    x = np.array([1.0, 2.0])
    np.random.seed(4)
    got = [flip(x)[0] == 2.0 for _ in range(50)]
    np.random.seed(4)
    assert got == [np.random.random() < 0.5 for _ in range(50)]


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_flip_checks_its_probability(p):
    with pytest.raises(ValueError, match="Probability must be between 0 and 1"):
        RandomHorizontalFlip(p)


@pytest.mark.parametrize(
    ("shape", "first"), [((6, 7), 0), ((3, 6, 7), 1), ((1, 6, 7), 1), ((6, 7, 3), 0)]
)
@pytest.mark.parametrize("padding", [0, 2])
def test_crop_pads_then_cuts_where_the_global_generator_says(shape, first, padding):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    crop = RandomCrop((5, 4), padding=padding)
    assert (crop.size, crop.padding) == ((5, 4), padding)
    pads = [(0, 0)] * len(shape)
    pads[first] = pads[first + 1] = (padding, padding)
    padded = np.pad(x, pads)
    for seed in range(10):
        np.random.seed(seed)
        got = crop(x)
        np.random.seed(seed)
        top = np.random.randint(0, 6 + 2 * padding - 5 + 1)
        left = np.random.randint(0, 7 + 2 * padding - 4 + 1)
        window = [slice(None)] * len(shape)
        window[first], window[first + 1] = slice(top, top + 5), slice(left, left + 4)
        assert np.array_equal(got, padded[tuple(window)])
        assert not np.shares_memory(got, x)
        np.random.seed(seed)
        assert np.array_equal(crop(Tensor(x)).data, got)


def test_crop_arguments():
    assert RandomCrop(32).size == (32, 32)
    assert RandomCrop(32).padding == 4
    assert RandomCrop(8, padding=0)(np.ones((8, 8))).sum() == 64
    for shape in [(4,), (1, 2, 3, 4)]:
        with pytest.raises(ValueError, match="2-D or 3-D"):
            RandomCrop(2)(np.zeros(shape))
    with pytest.raises(ValueError, match="does not fit"):
        RandomCrop(9, padding=0)(np.zeros((8, 8)))


def test_compose():
    steps = [lambda x: x + 1, lambda x: x * 2]
    compose = Compose(steps)
    assert compose.transforms is steps
    assert compose(3) == 8
    assert Compose([])(5) == 5
