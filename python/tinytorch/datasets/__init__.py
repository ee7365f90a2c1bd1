"""Data sets: small ones that come with the package, and readers of full sets.

    TinyDigits          1,797 digits of 8x8 pixels, shipped
    TinyShapes          6,000 colour images of 32x32, drawn when asked for
    CIFAR10Sample       200 of CIFAR-10's test images, shipped
    ShakespeareExcerpt  150,000 characters, shipped
    MNIST               70,000 digits of 28x28 pixels     (gzipped IDX files)
    CIFAR10             60,000 colour images of 32x32     ("binary" or "python" batches)
    TinyShakespeare     1.1 million characters            (input.txt)

The last three are read from `root=`, or the folder that the environment variable TINYTORCH_DATA
names; nothing is downloaded. Where a set is missing, FileNotFoundError says where it was looked for
and where it can be had. Damaged files are a ValueError.
"""

from ._augment import Augment, ImageLoader
from ._images import ImageDataset, ImageSet
from .cifar import CIFAR10, CIFAR10Sample
from .digits import TinyDigits
from .idx import read_idx
from .mnist import MNIST
from .shapes import TinyShapes
from .text import RandomWindows, ShakespeareExcerpt, TextFile, TinyShakespeare, TokenWindows

__all__ = [
    "CIFAR10",
    "MNIST",
    "Augment",
    "CIFAR10Sample",
    "ImageDataset",
    "ImageLoader",
    "ImageSet",
    "RandomWindows",
    "ShakespeareExcerpt",
    "TextFile",
    "TinyDigits",
    "TinyShakespeare",
    "TinyShapes",
    "TokenWindows",
    "read_idx",
]
