"""Images whose channels are innermost: operators keep the layout and give what they always give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch import Tensor, autocast, engine

F = engine.ops


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def channels_last(values: np.ndarray) -> np.ndarray:
    return np.array(values.transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)


def leaf(values: np.ndarray) -> Tensor:
    """Of the layout of ``values``, which ``Tensor(values)`` would copy to row-major."""
    made = engine.from_numpy(values)
    made.requires_grad = True
    return made


def block(x: Any, w: Any, gamma: Any, beta: Any) -> Any:
    y = F.batch_norm(F.conv2d(x, w, None, 1, 1), gamma, beta, None, None, True, relu=True)
    return F.max_pool2d(F.add(F.tanh(y), y), 2)


def test_a_network_keeps_the_layout_and_gives_the_gradients_of_numpys() -> None:
    values = [normal(2, 16, 6, 6), normal(32, 16, 3, 3, seed=1), normal(32, seed=2), normal(32)]
    found = []
    for lay_out in (np.ascontiguousarray, channels_last):
        leaves = [leaf(lay_out(values[0]))]
        leaves += [Tensor(v.copy(), requires_grad=True) for v in values[1:]]
        y = block(*leaves)
        F.sum(F.mul(F.mean(y, (2, 3)), F.mean(y, (2, 3)))).backward()
        found.append([y.data, *(t.grad for t in leaves)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("sides", [(2, 2), (2, 3), (2, 6), (6, 2)])
def test_images_halved_to_a_pixel_or_a_line(pool: Any, sides: tuple[int, int]) -> None:
    """One pixel is in both layouts at once."""
    values, half = normal(3, 40, *sides), (sides[0] // 2, sides[1] // 2)
    found = []
    for lay_out in (np.ascontiguousarray, channels_last):
        x = leaf(lay_out(values))
        y = pool(x, 2)
        y.backward(normal(3, 40, *half, seed=1))
        found.append([y.data, x.grad])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    places = 4 if pool is F.avg_pool2d else 1
    assert np.count_nonzero(found[0][1]) == places * y.size


@settings(max_examples=20)
@given(
    channels=st.sampled_from([1, 5, 16, 40]),
    side=st.sampled_from([1, 2, 7]),
    training=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_norm_with_relu_is_norm_then_relu(
    channels: int, side: int, training: bool, seed: int
) -> None:
    values = [normal(3, channels, side, side, seed=seed), normal(channels, seed=seed + 1)]
    values += [normal(channels, seed=seed + 2)]
    seed_gradient = normal(3, channels, side, side, seed=seed + 3)
    for lay_out in (np.ascontiguousarray, channels_last):
        found = []
        for joined in (True, False):
            x = leaf(lay_out(values[0]))
            gamma, beta = (Tensor(v.copy(), requires_grad=True) for v in values[1:])
            mean, var = np.zeros(channels, np.float32), np.ones(channels, np.float32)
            y = F.batch_norm(x, gamma, beta, mean, var, training, relu=joined)
            y = y if joined else F.relu(y)
            y.backward(seed_gradient)
            found.append([y.data, x.grad, gamma.grad, beta.grad, mean, var])
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_batch_gives_the_bits_of_its_images(kernel: int, groups: int) -> None:
    shape = (48, 16, kernel, kernel) if groups == 1 else (16, 1, kernel, kernel)
    x, w = normal(9, 16, 12, 12), Tensor(normal(*shape, seed=1))
    whole = F.conv2d(Tensor(x), w, padding=1, groups=groups).data
    for rows in ([0], [8], [2, 3]):
        np.testing.assert_array_equal(
            F.conv2d(Tensor(x[rows]), w, padding=1, groups=groups).data, whole[rows]
        )


@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("stride", [1, 2])
def test_images_without_pixels_give_what_padding_gives(groups: int, stride: int) -> None:
    x = Tensor(np.zeros((2, 16, 0, 5), np.float32), requires_grad=True)
    w = Tensor(normal(16, 16 // groups, 1, 1), requires_grad=True)
    bias = normal(16, seed=1)
    y = F.conv2d(x, w, Tensor(bias), stride, 1, groups=groups)
    assert y.size > 0
    np.testing.assert_array_equal(y.data, np.broadcast_to(bias[:, None, None], y.shape))
    y.backward(np.ones(y.shape, np.float32))
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(w.grad, np.zeros(w.shape))


def rounded(values: np.ndarray) -> np.ndarray:
    """To bfloat16, nearest even."""
    bits = values.view(np.uint32)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


@settings(max_examples=30)
@given(
    batch=st.sampled_from([1, 2, 17]),
    channels=st.sampled_from([16, 32, 48, 64, 24]),
    outputs=st.sampled_from([16, 32, 96, 0, 24]),
    sides=st.tuples(*[st.sampled_from([5, 8, 16, 19])] * 2),
    kernel=st.sampled_from([1, 2, 3]),
    stride=st.sampled_from([1, 2]),
    padding=st.sampled_from([0, 1, 3]),
)
def test_convolution_in_bfloat16_is_that_of_rounded_values(
    batch: int,
    channels: int,
    outputs: int,
    sides: tuple[int, int],
    kernel: int,
    stride: int,
    padding: int,
) -> None:
    """Images are rounded in the end, parameters' gradients are not. No outputs: as many groups as
    channels."""
    shape = (outputs, channels) if outputs else (channels, 1)
    x = rounded(normal(batch, channels, *sides))
    w = rounded(normal(*shape, kernel, kernel, seed=1) * np.float32(0.1))
    bias, found, groups = normal(shape[0], seed=2), [], channels // shape[1]
    for enabled in (True, False):
        leaves = [Tensor(v.copy(), requires_grad=True) for v in (x, w, bias)]
        with autocast(enabled=enabled):
            y = F.conv2d(*leaves, stride, padding, groups=groups)
        y.backward(rounded(normal(*y.shape, seed=3)))
        found.append([F.astype(y, "float32").data, *(t.grad for t in leaves)])
    for images, near, exact in zip((True, True, False, False), *found, strict=True):
        within = (2.0**-8 if images else 0.0) * np.abs(exact) + 2e-5 * np.abs(exact).max()
        assert (np.abs(near - exact) <= within).all()


def test_what_is_made_of_images_is_in_numpys_order() -> None:
    y = F.conv2d(Tensor(normal(2, 16, 5, 5)), Tensor(normal(16, 16, 3, 3)))
    values = np.ascontiguousarray(y.data)
    np.testing.assert_array_equal(y.reshape(2, -1).data, values.reshape(2, -1))
    np.testing.assert_array_equal(F.sum(y, 1).data, F.sum(Tensor(values), 1).data)
    np.testing.assert_array_equal(F.concat([y, y], 1).data, np.concatenate([values, values], 1))
    np.testing.assert_array_equal(y[1:, ::2].data, values[1:, ::2])
