"""Iterators over a request's tokens or text as they come."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from ._request import GptRequest

Item = TypeVar("Item")


class _Stream(Iterator[Item], Generic[Item]):
    """Steps the generator until there is something new of `request`.

    Closing it cancels the request, and so does an exception on the way. A `with` block closes it.
    """

    def __init__(self, request: GptRequest, step: Callable[[], Any]) -> None:
        self.request = request
        self._step = step
        self._open = True

    def _next(self, last: bool) -> Item | None:
        """What is new, if anything; `last` if nothing will follow."""
        raise NotImplementedError

    def __next__(self) -> Item:
        try:
            while self._open:
                last = self.request.finished
                item = self._next(last)
                if item is not None:
                    return item
                if not last:
                    self._step()
                    continue
                self._open = False
                if self.request.error is not None:
                    raise self.request.error
        except BaseException:
            self.close()
            raise
        raise StopIteration

    def close(self) -> None:
        """Cancel the request, if it is not finished, which frees its sequence."""
        if self._open:
            self._open = False
            self.request.cancel()

    def __enter__(self) -> _Stream[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()


class GptTokenStream(_Stream[int]):
    """The tokens of `request`, one by one."""

    def __init__(self, request: GptRequest, step: Callable[[], Any]) -> None:
        super().__init__(request, step)
        self._seen = 0
        self._ready: list[int] = []

    def _next(self, last: bool) -> int | None:
        if not self._ready:
            self._ready = self.request._native.tokens(self._seen).tolist()[::-1]
            self._seen += len(self._ready)
        return self._ready.pop() if self._ready else None


class GptTextStream(_Stream[str]):
    """The text of `request`, in pieces of whole characters."""

    def __init__(self, request: GptRequest, step: Callable[[], Any]) -> None:
        super().__init__(request, step)
        self._seen = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def _next(self, last: bool) -> str | None:
        new = self.request._native.text(self._seen)
        self._seen += len(new)
        return self._decoder.decode(new, final=last) or None
