"""autocast: products in bfloat16, images between convolutions too, everything else in float32."""

import threading

import numpy as np
import pytest

import tinytorch as tt
from tinytorch import _core, engine

ops = _core.ops
RNG = np.random.default_rng(3)


def rounded(x: np.ndarray) -> np.ndarray:
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def test_products_round_their_operands_and_sum_in_float32() -> None:
    a, b, bias = normal(33, 70), normal(70, 50), normal(50)
    expected = rounded(a).astype(np.float64) @ rounded(b).astype(np.float64)
    with tt.autocast():
        product = ops.matmul(tt.Tensor(a), tt.Tensor(b)).data
        linear = ops.linear(tt.Tensor(a), tt.Tensor(b), tt.Tensor(bias)).data
    np.testing.assert_allclose(product, expected, atol=2e-5)
    np.testing.assert_allclose(linear, expected + bias, atol=2e-5)
    assert product.dtype == np.float32
    assert np.abs(product - a @ b).max() > 1e-3  # that is: it did round


def test_gradients_round_too_wherever_backward_is_called() -> None:
    x, w = (tt.Tensor(v, requires_grad=True) for v in (normal(20, 30), normal(30, 10)))
    seed = normal(20, 10)
    with tt.autocast():
        y = ops.linear(x, w, None)
    y.backward(seed)
    np.testing.assert_allclose(x.grad, rounded(seed) @ rounded(w.data).T, atol=1e-5)
    np.testing.assert_allclose(w.grad, rounded(x.data).T @ rounded(seed), atol=1e-5)


@pytest.mark.parametrize(("channels", "outputs"), [(5, 7), (3, 16), (16, 48), (32, 32)])
def test_convolution_and_its_gradients_are_close(channels: int, outputs: int) -> None:
    x, w = normal(3, channels, 9, 9), normal(outputs, channels, 3, 3)
    results = []
    for enabled in (False, True):
        tx, tw = tt.Tensor(x, requires_grad=True), tt.Tensor(w, requires_grad=True)
        with tt.autocast(enabled=enabled):
            y = ops.conv2d(tx, tw, None, 1, 1)
        assert y.dtype == ("bfloat16" if enabled else np.float32)
        y = ops.astype(y, "float32")
        ops.sum(ops.mul(y, y)).backward()
        assert tx.grad.dtype == tw.grad.dtype == np.float32
        results.append((y.data, tx.grad, tw.grad))
    for exact, near in zip(*results, strict=True):
        assert 0 < np.abs(exact - near).max() < 2e-2 * np.abs(exact).max()


def small_step(enabled: bool) -> tuple[float, list[np.ndarray]]:
    rng = np.random.default_rng(7)
    model = tt.GPT(vocab_size=17, embed_dim=32, num_layers=2, num_heads=4, max_seq_len=24)
    for p in model.parameters():
        p.data = (rng.standard_normal(p.shape) * 0.1).astype(np.float32)
    ids = rng.integers(0, 17, (3, 24))
    with tt.autocast(enabled=enabled):
        loss = ops.cross_entropy(ops.reshape(model(tt.Tensor(ids)), (-1, 17)), ids.reshape(-1))
    loss.backward()
    return float(loss.data), [np.array(p.grad) for p in model.parameters() if p.grad is not None]


def test_a_step_of_training_is_close_to_float32() -> None:
    exact, exact_grads = small_step(False)
    loss, grads = small_step(True)
    assert abs(loss - exact) < 1e-2 * exact
    for g, e in zip(grads, exact_grads, strict=True):
        assert np.linalg.norm(g - e) < 0.05 * np.linalg.norm(e) + 1e-6


def image_step(enabled: bool) -> dict[str, np.ndarray]:
    """Gradients of a small residual network."""
    rng = np.random.default_rng(8)

    def weight(*shape: int) -> tt.Tensor:
        scale = np.float32(1 / np.sqrt(np.prod(shape[1:])))
        return tt.Tensor(rng.standard_normal(shape).astype(np.float32) * scale, requires_grad=True)

    def norm(x: tt.Tensor, name: str, relu: bool) -> tt.Tensor:
        gamma = leaves.setdefault(name, tt.Tensor(np.ones(16, np.float32), requires_grad=True))
        return ops.batch_norm(x, gamma, None, None, None, True, 0.1, 1e-5, relu)

    leaves = {"a": weight(16, 3, 3, 3), "b": weight(16, 16, 3, 3), "c": weight(10, 16)}
    leaves["x"] = tt.Tensor(rng.standard_normal((4, 3, 8, 8)).astype(np.float32), True)
    with tt.autocast(enabled=enabled):
        h = norm(ops.conv2d(leaves["x"], leaves["a"], None, 1, 1), "na", True)
        h = ops.max_pool2d(h, 2, 2, 0)
        h = ops.relu(ops.add(h, norm(ops.conv2d(h, leaves["b"], None, 1, 1), "nb", False)))
        scores = ops.linear(ops.mean(h, (2, 3)), ops.transpose(leaves["c"], 0, 1), None)
        loss = ops.cross_entropy(scores, np.array([1, 2, 3, 4]))
    loss.backward()
    return {name: np.array(t.grad) for name, t in leaves.items()}


def test_a_step_of_a_network_of_images_is_close_to_float32() -> None:
    exact, near = image_step(False), image_step(True)
    assert exact.keys() == near.keys()
    for name, wanted in exact.items():
        assert near[name].dtype == np.float32
        assert np.linalg.norm(near[name] - wanted) < 0.05 * np.linalg.norm(wanted), name


def test_images_in_bfloat16_have_float32_gradients_and_no_numpy_form() -> None:
    x, w = tt.Tensor(normal(2, 16, 6, 6), requires_grad=True), tt.Tensor(normal(16, 16, 3, 3), True)
    with tt.autocast():
        y = ops.relu(ops.conv2d(x, w, None, 1, 1))
        z = ops.relu(y)
    assert y.grad is None
    ops.sum(z).backward()
    assert y.grad.dtype == np.float32
    np.testing.assert_array_equal(ops.astype(y, "float32").data > 0, y.grad == 1)
    with pytest.raises(TypeError, match="bfloat16"):
        _ = y.data


def test_any_number_of_threads_gives_the_same_bits() -> None:
    before = engine.num_threads()
    results = []
    for threads in (1, 3):
        engine.set_num_threads(threads)
        results.append(small_step(True))
    engine.set_num_threads(before)
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_nests_decorates_ends_with_an_error_and_is_per_thread() -> None:
    seen = []
    with tt.autocast():
        with tt.autocast(enabled=False):
            assert not _core.is_autocast_enabled()
        assert _core.is_autocast_enabled()
        thread = threading.Thread(target=lambda: seen.append(_core.is_autocast_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]
    assert tt.autocast()(_core.is_autocast_enabled)()
    with pytest.raises(RuntimeError, match="stop"), tt.autocast():
        raise RuntimeError("stop")
    assert not _core.is_autocast_enabled()


def test_float64_stays_as_it_is_and_other_types_are_refused() -> None:
    a = engine.from_numpy(RNG.standard_normal((5, 6)))
    b = engine.from_numpy(RNG.standard_normal((6, 4)))
    with tt.autocast():
        np.testing.assert_allclose(ops.matmul(a, b).data, a.data @ b.data, rtol=1e-12)
    with pytest.raises(ValueError, match="float16"):
        tt.autocast("float16")
