"""Chance that a test has written down beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.runtime.chance import uuid7
from perdure.testing.clock import DEFAULT_START

if TYPE_CHECKING:
    from collections.abc import Iterable


class ScriptedChance:
    """Jitter as told, and ids that count up.

    Args:
        jitters: What `jitter` returns, in turn; after the last one it returns 0.

    Raises:
        ValueError: A jitter is not in [0, 1).
    """

    def __init__(self, jitters: Iterable[float] = ()) -> None:
        self._jitters = list(jitters)
        if not all(0.0 <= jitter < 1.0 for jitter in self._jitters):
            raise ValueError("jitter lies in [0, 1)")
        self._jitters.reverse()
        self._ids = 0

    def jitter(self) -> float:
        """Return the next jitter of the script."""
        return self._jitters.pop() if self._jitters else 0.0

    def execution_id(self) -> str:
        """Make the next id: a version 7 UUID that sorts after all before it, the same in every run."""
        self._ids += 1
        return uuid7(DEFAULT_START // 1_000, self._ids)
