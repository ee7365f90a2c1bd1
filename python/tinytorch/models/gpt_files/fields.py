"""Fields of a config or of metadata, read with their types checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..gpt import GptConfig

_MISSING = object()


class Fields:
    """`given` by name; `what` begins every message, which also names the field.

    A field that is missing or null takes the default, if there is one.
    """

    def __init__(self, given: Mapping[str, Any], what: str) -> None:
        self.given = given
        self.what = what

    def refuse(self, text: str) -> ValueError:
        return ValueError(f"{self.what}: {text}")

    def _read(self, name: str, default: Any, kinds: tuple[type, ...], wanted: str) -> Any:
        value = self.given.get(name)
        if value is None:
            if default is _MISSING:
                raise self.refuse(f"the field {name!r} is missing")
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.refuse(f"{name} must be {wanted}, got {_shown(value)}")
        return value

    def integer(self, name: str, default: Any = _MISSING) -> Any:
        return self._read(name, default, (int,), "an integer")

    def number(self, name: str, default: Any = _MISSING) -> Any:
        value = self._read(name, default, (int, float), "a number")
        try:
            return float(value)
        except OverflowError:
            raise self.refuse(f"{name} must be a number, got {_shown(value)}") from None

    def flag(self, name: str, default: Any = _MISSING) -> Any:
        return self._read(name, default, (bool,), "true or false")

    def text(self, name: str, default: Any = _MISSING) -> Any:
        return self._read(name, default, (str,), "a text")

    def group(self, name: str) -> dict[str, Any]:
        """Return an object; an empty one where there is none."""
        return self._read(name, {}, (dict,), "an object")

    def only(self, name: str, *allowed: Any) -> None:
        """Refuse any value but these; missing and null mean the first."""
        value = self.given.get(name)
        if value is None:
            return
        plain = isinstance(value, (bool, int, float, str))  # an ndarray has no single truth
        if plain and any(
            value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed
        ):
            return
        names = " or ".join(repr(a) for a in allowed)
        raise self.refuse(f"{name} = {_shown(value)} is not supported; only {names} is")

    def config(self, **fields: Any) -> GptConfig:
        """Return the config of these fields of ours."""
        try:
            return GptConfig(**fields)
        except (ValueError, TypeError) as error:
            raise self.refuse(str(error)) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
