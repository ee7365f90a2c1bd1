"""Numbers as a reader wants them: three digits that mean something, and a unit."""

from __future__ import annotations

import math
import re

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def digits(value: float, count: int = 3) -> str:
    """`count` significant digits, never in exponent form: 0.0123, 1.23, 123, 12,300."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    rounded = float(f"{value:.{count - 1}e}")
    places = count - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(0, places)}f}".replace("-", MINUS)


def short(text: str) -> str:
    """Without the zeros behind a decimal point that a tick does not need: "5.00 ms" -> "5 ms"."""
    return re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", text).replace("." + THIN, THIN).rstrip(".")


def percent(share: float, places: int = 1) -> str:
    """0.9835 -> "98.4 %"."""
    return f"{100 * share:.{places}f}{THIN}%".replace("-", MINUS)


def points(delta: float) -> str:
    """A difference of shares in percentage points: +0.5, -0.3, or 0.0 without a sign."""
    value = round(100 * delta, 1)
    sign = "+" if value > 0 else MINUS if value < 0 else "\N{PLUS-MINUS SIGN}"
    return f"{sign}{abs(value):.1f}"


def time_ms(milliseconds: float) -> str:
    """Milliseconds in the unit that fits: "830 ns", "6.12 \u00b5s", "1.40 ms", "2.1 s"."""
    for limit, factor, unit in ((1e-3, 1e6, "ns"), (1, 1e3, "\N{MICRO SIGN}s"), (1e3, 1, "ms")):
        if milliseconds < limit:
            return f"{digits(milliseconds * factor)}{THIN}{unit}"
    return f"{digits(milliseconds / 1e3)}{THIN}s"


def size(count: float) -> str:
    """Bytes in B, KiB, MiB or GiB."""
    units = ((1 << 10, 1, "B"), (1 << 20, 1 << 10, "KiB"), (1 << 30, 1 << 20, "MiB"))
    for limit, factor, unit in units:
        if count < limit:
            return f"{digits(count / factor) if factor > 1 else int(count)}{THIN}{unit}"
    return f"{digits(count / (1 << 30))}{THIN}GiB"


def amount(value: float) -> str:
    """A large count in short: 950, 12.3 k, 4.56 M, 7.8 G."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{digits(value / factor)}{THIN}{unit}"
    return digits(value) if value != int(value) else f"{int(value)}"


def factor(ratio: float) -> str:
    """How many times: "7.6\u00d7"."""
    return f"{digits(ratio, 2 if ratio < 100 else 3)}{TIMES}"


def speed(ratio: float) -> str:
    """A speed-up in words: "1.7\u00d7 faster", "2.1\u00d7 slower", "as fast" within 3 %."""
    if 0.97 <= ratio <= 1.03:
        return "as fast"
    return f"{factor(ratio)} faster" if ratio > 1 else f"{factor(1 / ratio)} slower"


def seconds(value: float) -> str:
    """A span: "0.8 s", "42 s", "3 min 20 s"."""
    if value < 60:
        return f"{digits(value, 2)}{THIN}s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}{THIN}min {rest}{THIN}s"
