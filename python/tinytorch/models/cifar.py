"""Networks for CIFAR-10's 3 x 32 x 32 images, as nodes of `models.convnet`.

cnn_baseline
            the plain network that a first course builds: convolutions with biases, ReLU, pools
            and two linear layers
swiftcnn    eleven 3 x 3 convolutions in four stages, residual where the image is small: for a
            microcontroller. swiftcnn-tiny: the same, narrower. swiftcnn-base: six in a row
speednet    the wide, shallow network of the shortest trainings (K. Jordan, "94% on CIFAR-10 in
            3.29 seconds on a single GPU", 2024): a whitening layer that is not trained, then
            three stages of two convolutions. speednet-residual, speednet-wide: of one and a
            residual block
resnet20    residual network for CIFAR (He et al. 2016, section 4.2)
resnet18    the ImageNet network of the same paper without its first stride and pool
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .nodes import Node

CLASSES = 10


def cnn_baseline() -> list[Node]:
    nodes: list[Node] = []
    before = 3
    for stage, width in enumerate((32, 64, 128)):
        nodes += [("conv", f"s{stage}", before, width, 3, 1, 1), ("relu",), ("maxpool", 2)]
        before = width
    hidden = [("flatten",), ("linear", "fc1", before * 16, 256), ("relu",)]
    return [*nodes, *hidden, ("linear", "fc2", 256, CLASSES)]


def swiftcnn(widths: Sequence[int] = (32, 48, 64, 96)) -> list[Node]:
    """Two convolutions at full size; per further width one, and a residual block of two. A 2 x 2
    pool after each stage, then the mean over the image."""
    first, *rest = widths
    nodes = [*_conv_norm("s0a", 3, first), *_conv_norm("s0b", first, first), ("maxpool", 2)]
    before = first
    for stage, width in enumerate(rest, start=1):
        nodes += residual_stage(stage, before, width)
        before = width
    return [*nodes, ("gap",), ("linear", "fc", before, CLASSES)]


def residual_stage(stage: int, before: int, width: int) -> list[Node]:
    """A convolution, a residual block of two more and a 2 x 2 pool."""
    first = _conv_norm(f"s{stage}a", before, width)
    return [*first, *_residual_block(stage, width), ("maxpool", 2)]


def plain_swiftcnn(widths: Sequence[int]) -> list[Node]:
    """Two convolutions and a 2 x 2 pool per width, then the mean over the image."""
    nodes: list[Node] = []
    before = 3
    for stage, width in enumerate(widths):
        for part in "ab":
            nodes += _conv_norm(f"s{stage}{part}", before, width)
            before = width
        nodes.append(("maxpool", 2))
    return [*nodes, ("gap",), ("linear", "fc", before, CLASSES)]


def speednet(widths: Sequence[int] = (64, 256, 256)) -> list[Node]:
    return _speednet(widths, lambda stage, width: _conv_norm(f"s{stage}b", width, width))


def speednet_residual(widths: Sequence[int] = (64, 128, 256)) -> list[Node]:
    return _speednet(widths, _residual_block)


def _speednet(
    widths: Sequence[int], following: Callable[[int, int], list[Node]], filters: int = 32
) -> list[Node]:
    """The first convolution gives back the border that whitening takes: images of 16, 8 and 4 are
    whole tiles of the fast convolutions, and have no column that a pool leaves out."""
    nodes: list[Node] = [("whiten", "whiten", 3, filters, 3), ("relu",)]
    before = filters
    for stage, width in enumerate(widths):
        nodes += _pooled_conv(stage, before, width, 1 if stage else 2)
        nodes += following(stage, width)
        before = width
    return [*nodes, ("maxpool", 4), ("flatten",), ("linear", "fc", before, CLASSES)]


def resnet20(widths: Sequence[int] = (16, 32, 64), blocks: int = 3) -> list[Node]:
    return _resnet(widths, blocks)


def resnet18() -> list[Node]:
    return _resnet((64, 128, 256, 512), 2)


def _conv_norm(name: str, before: int, after: int, stride: int = 1) -> list[Node]:
    conv = ("conv", name, before, after, 3, stride, 1)
    return [conv, ("bn", f"{name}_bn", after), ("relu",)]


def _pooled_conv(stage: int, before: int, width: int, padding: int) -> list[Node]:
    name = f"s{stage}a"
    conv = ("conv", name, before, width, 3, 1, padding)
    return [conv, ("maxpool", 2), ("bn", f"{name}_bn", width), ("relu",)]


def _residual_block(stage: int, width: int) -> list[Node]:
    nodes = [("push",), *_conv_norm(f"s{stage}b", width, width)]
    return [*nodes, *_conv_norm(f"s{stage}c", width, width)[:2], ("add",), ("relu",)]


def _resnet(widths: Sequence[int], blocks: int) -> list[Node]:
    nodes = _conv_norm("stem", 3, widths[0])
    before = widths[0]
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            name = f"s{stage}b{block}"
            nodes += [("push",), *_conv_norm(f"{name}a", before, width, stride)]
            nodes += _conv_norm(f"{name}b", width, width)[:2]
            if before != width or stride != 1:
                shortcut: list[Node] = [
                    ("conv", f"{name}p", before, width, 1, stride, 0),
                    ("bn", f"{name}p_bn", width),
                ]
                nodes.append(("proj", shortcut))
            nodes += [("add",), ("relu",)]
            before = width
    return [*nodes, ("gap",), ("linear", "fc", before, CLASSES)]


NETWORKS: dict[str, tuple[str, list[Node]]] = {
    "cnn_baseline": ("plain CNN", cnn_baseline()),
    "swiftcnn": ("SwiftCNN", swiftcnn()),
    "swiftcnn-base": ("SwiftCNN base", plain_swiftcnn((32, 64, 128))),
    "swiftcnn-tiny": ("SwiftCNN tiny", swiftcnn((16, 32, 48, 64))),
    "speednet": ("SpeedNet", speednet()),
    "speednet-residual": ("SpeedNet residual", speednet_residual()),
    "speednet-wide": ("SpeedNet wide", speednet_residual((64, 192, 256))),
    "speednet-small": ("SpeedNet small", speednet((32, 64, 64))),
    "resnet20": ("ResNet-20", resnet20()),
    "resnet18": ("ResNet-18", resnet18()),
}
