"""Inference with convolutional networks: a plan made once, then run without further decisions.

    session = CnnSession(nodes, weights, input_shape=(3, 32, 32), batch=32)
    logits = session(images)          # (n, 3, 32, 32) -> (n, classes)
    print(session.describe())

A network is a list of tuples:

    ("conv", name, in, out, kernel, stride, padding[, groups])   name.w, name.b if there is a bias
    ("bn", name, channels)             name.gamma, name.beta, name.mean, name.var
    ("relu",) ("maxpool", size) ("gap",) ("flatten",)
    ("linear", name, in, out)          name.w (out, in), name.b
    ("push",) ... ("add",)             the value kept by push is added
    ("proj", [nodes])                  what these nodes make of the kept value takes its place

Batch norms, with epsilon 1e-5, become part of the convolution before them; sums, ReLU and 2 x 2
maximum pools are done on a convolution's results before these are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import _core


class CnnSession:
    """Inference with a convolutional network in evaluation mode; immutable.

    With precision "int8", weights have a scale per output and activations a range per value,
    measured on the calibration images; products are exact integer sums. What follows the pool over
    the whole image stays in floats. An image with NaN or infinity gives NaN.

    Args:
        nodes: the network, as above.
        weights: arrays or tensors by name; they are copied.
        input_shape: (channels, height, width) of an image.
        batch: images that a call is expected to have. It decides between ways of computing that
            are equal but for rounding; calls may have any number of images, and an image's result
            depends neither on the others nor on the number of threads.
        precision: "f32" or "int8".
        calibration: for int8, sample images (n, *input_shape) as the network will see them.
        method: how they decide the range of each activation: "minmax"; "percentile", of which
            `percentile` per cent of the magnitudes lie within; or "mse", the smallest mean squared
            error.
        ranges: for int8 instead of calibration, `ranges` of an earlier session of these nodes.

    Raises:
        ValueError: nodes or weights that do not fit together, or a result that is not one row of
            numbers per image.
    """

    def __init__(
        self,
        nodes: Sequence[Sequence[Any]],
        weights: Mapping[str, Any],
        *,
        input_shape: Sequence[int] = (3, 32, 32),
        batch: int = 1,
        precision: str = "f32",
        calibration: Any = None,
        method: str = "minmax",
        percentile: float = 99.99,
        ranges: Sequence[tuple[float, float]] = (),
    ) -> None:
        self._session = _core.runtime.CnnSession(
            list(nodes),
            dict(weights),
            input_shape,
            batch,
            precision,
            calibration,
            method,
            percentile,
            list(ranges),
        )

    def __call__(self, images: Any) -> Any:
        """Logits (n, outputs) in float32: a Tensor for a Tensor, else an ndarray.

        Raises:
            ValueError: images of another shape than (n, *input_shape).
            TypeError: images that are not floats.
        """
        return self._session.run(images)

    @property
    def outputs(self) -> int:
        return self._session.outputs

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """For int8: the smallest and largest number that each activation's codes stand for."""
        return list(self._session.ranges)

    def describe(self) -> str:
        """The steps, a line each with what is joined to them, and the memory."""
        return self._session.describe()

    def memory(self) -> dict[str, int]:
        """Bytes that a call needs beside the weights: "activations" for each image of a group,
        "workspace" for each thread."""
        return dict(self._session.memory())
