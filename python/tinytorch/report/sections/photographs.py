"""What a shipped network says of real photographs."""

from __future__ import annotations

import numpy as np

from .. import figures
from ..markup import Markup, tag
from ..png import data_uri, rgb_png
from ..record import Photograph, Run
from ..tables import section
from ._shared import gallery_item


def photographs(run: Run) -> Markup | None:
    """The pixels are not in the record: they come with the package."""
    from ...datasets import CIFAR10Sample

    found = run.photographs
    if found is None:
        return None
    pixels = CIFAR10Sample().raw("test")[0]
    lead = (
        f"{found.model}, {figures.size(found.file_bytes)}, was trained on CIFAR-10 before it was "
        f"packed into tinytorch. It recognises {found.right} of the {found.count} test photographs "
        f"that come with it, one in {figures.time_ms(found.latency_us / 1e3)}; in one "
        f"batch {figures.amount(found.images_per_s)} a second. First the mistakes that it is "
        "surest of, then some that are right."
    )
    items = [_item(photograph, pixels) for photograph in found.shown]
    return section("photographs", "Photographs", tag("ul", items, class_="gallery"), lead=lead)


def _item(photograph: Photograph, pixels: np.ndarray) -> Markup:
    picture = np.ascontiguousarray(pixels[photograph.index].transpose(1, 2, 0))
    wrong = photograph.said != photograph.label
    sure = figures.percent(photograph.probability, 0)
    image = tag(
        "img",
        src=data_uri(rgb_png(picture)),
        alt=f"A photograph: {photograph.label}; the network says {photograph.said} ({sure})",
        width=72,
        height=72,
    )
    answer = tag("li", tag("b", photograph.said), f" {sure}", class_="miss" if wrong else None)
    return gallery_item(image, photograph.label, [answer], wrong)
