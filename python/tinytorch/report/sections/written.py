"""What a shipped language model writes."""

from __future__ import annotations

from .. import figures
from ..markup import Markup, tag
from ..record import Run
from ..tables import section


def written(run: Run) -> Markup | None:
    found = run.written
    if found is None:
        return None
    lead = (
        f"{found.model}, {figures.size(found.file_bytes)}, read the first nine tenths of Tiny "
        "Shakespeare, character by character, before it was packed into tinytorch. It wrote "
        f"{found.tokens} characters, {figures.amount(found.tokens_per_s)} a second, the first one "
        f"after {figures.time_ms(found.first_token_ms)}. The prompt is bold."
    )
    text = tag("pre", tag("b", found.prompt), found.text, class_="written")
    return section("written", "Text", text, lead=lead)
