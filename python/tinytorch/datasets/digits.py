"""The 8x8 digits that come with the package."""

from __future__ import annotations

from pathlib import Path

from ..io import load_safetensors
from ._images import ImageSet, Split, check_part

FILE = Path(__file__).with_name("digits.safetensors")


class TinyDigits(ImageSet):
    """1,797 handwritten digits of 8 x 8 pixels: 1,433 for training, 364 for testing.

    The test part of the UCI "Optical Recognition of Handwritten Digits" set (Alpaydin and Kaynak
    1998, CC BY 4.0); stored pixels count 0 to 16 dots. Writers appear in both parts.
    """

    classes = tuple("0123456789")
    pixel_max = 16
    grey = True

    def _load(self, split: str) -> Split:
        tensors = load_safetensors(FILE)
        return check_part(
            tensors[f"{split}_images"], tensors[f"{split}_labels"], len(self.classes), str(FILE)
        )
