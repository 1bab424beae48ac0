"""Handlers that fail as told, for tests of integrations."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Function = TypeVar("_Function", bound="Callable[..., Any]")


class Scripted:
    """Makes the calls of a handler fail by a script, as in "fail twice, then succeed".

    It goes below `@app.task`, and keeps the signature and the kind of the function::

        flaky = Scripted(TaskError("BUSY", "try later"), TaskError("BUSY", "try later"))


        @app.task
        @flaky
        async def reserve(sku: str) -> int: ...

    Args:
        outcomes: For each call in turn the error to raise instead of running the function, or None to run it.
            After the last one every call runs it.

    Attributes:
        calls: How many calls there have been so far, failed ones included.
    """

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes = outcomes
        self.calls = 0

    def __call__(self, function: _Function) -> _Function:
        """Wrap a function."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def perform_async(*args: object, **kwargs: object) -> object:
                self._play()
                return await function(*args, **kwargs)

            return perform_async  # type: ignore[return-value]  # the same signature, by functools.wraps

        @functools.wraps(function)
        def perform(*args: object, **kwargs: object) -> object:
            self._play()
            return function(*args, **kwargs)

        return perform  # type: ignore[return-value]  # likewise

    def _play(self) -> None:
        call, self.calls = self.calls, self.calls + 1
        outcome = self._outcomes[call] if call < len(self._outcomes) else None
        if outcome is not None:
            raise outcome
