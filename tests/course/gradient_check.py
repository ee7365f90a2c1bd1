"""Gradients against central differences of an independent float64 formula."""

import numpy as np

from tinytorch import Tensor


def numeric_gradients(formula, arrays, weights, step=1e-6):
    """d sum(weights * formula(*arrays)) / d array, for each array."""
    arrays = [np.array(a, dtype=np.float64) for a in arrays]
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = np.sum(weights * formula(*arrays))
            array[index] = kept - step
            below = np.sum(weights * formula(*arrays))
            array[index] = kept
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


def check_gradients(operation, formula, *arrays, tolerance=2e-4):
    """`operation` on Tensors has the values and gradients of `formula` on float64 arrays."""
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    # The formula sees the rounded values that the tensors hold.
    exact = [t.data.astype(np.float64) for t in tensors]
    result = operation(*tensors)
    expected = np.asarray(formula(*exact))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.data, expected, rtol=1e-4, atol=1e-5)
    weights = np.random.default_rng(0).standard_normal(expected.shape).astype(np.float32)
    result.backward(weights)
    wanted = numeric_gradients(formula, exact, weights.astype(np.float64))
    for tensor, gradient in zip(tensors, wanted, strict=True):
        assert tensor.grad.shape == tensor.shape
        assert tensor.grad.dtype == np.float32
        np.testing.assert_allclose(tensor.grad, gradient, rtol=tolerance, atol=tolerance)
