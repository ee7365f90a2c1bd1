"""MNIST: 60,000 training and 10,000 test digits, 28x28, from its four IDX files."""

from __future__ import annotations

from ._folder import PathLike, find, first_file
from ._images import ImageSet, Split, check_part
from .idx import read_idx

_FOLDERS = (".", "mnist", "MNIST", "MNIST/raw", "mnist/raw")
_SOURCE = (
    "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
    "t10k-labels-idx1-ubyte.gz, from https://ossci-datasets.s3.amazonaws.com/mnist/"
)


class MNIST(ImageSet):
    """The handwritten digits of LeCun, Cortes and Burges: 28 x 28 pixels, grey.

    The files may be gzipped or not, in `root` or its folder mnist, MNIST or MNIST/raw.
    """

    classes = tuple("0123456789")
    grey = True

    def __init__(self, root: PathLike | None = None) -> None:
        super().__init__()
        self.folder = find("MNIST", root, _FOLDERS, _names("train", "images"), _SOURCE)

    def _load(self, split: str) -> Split:
        path = first_file(self.folder, _names(split, "images"))
        images = read_idx(path)
        labels = read_idx(first_file(self.folder, _names(split, "labels")))
        if images.shape[1:] != (28, 28):
            raise ValueError(f"{path}: images must be (n, 28, 28), got {images.shape}")
        return check_part(images, labels, len(self.classes), str(path))


def _names(split: str, kind: str) -> list[str]:
    part = "train" if split == "train" else "t10k"
    axes = 3 if kind == "images" else 1
    stems = [f"{part}-{kind}-idx{axes}-ubyte", f"{part}-{kind}.idx{axes}-ubyte"]
    return [stem + end for stem in stems for end in (".gz", "")]
