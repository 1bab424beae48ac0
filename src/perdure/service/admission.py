"""Admission: how many calls of each class may be under way at once.

Each class has places of its own, so that waiting callers and watchers cannot lock out Cancel, health and
the reports of workers (F7).
"""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto
from typing import Final

from perdure.domain.errors import LimitReached

RETRY_AFTER_SECONDS: Final = 1.0
WATCHERS_MAX: Final = 1_000
WATCHERS_PER_PRINCIPAL_MAX: Final = 100


class MethodClass(Enum):
    """What a method asks of the server."""

    UNARY = auto()
    """Answers as soon as it can."""
    WAITING = auto()
    """May last as long as an execution, but costs hardly anything meanwhile."""
    URGENT = auto()
    """Has to get through when nothing else does."""
    WATCH = auto()
    """A stream that a reader keeps open."""


class Places:
    """The places of one class.

    Attributes:
        taken: How many are taken now.
    """

    def __init__(self, most: int, most_per_principal: int | None = None, reason: str = "TOO_MANY_REQUESTS") -> None:
        self.taken = 0
        self._most = most
        self._most_per_principal = most_per_principal
        self._reason = reason
        self._by_principal: Counter[str] = Counter()

    def enter(self, principal: str) -> None:
        """Take a place.

        Raises:
            LimitReached: There is none.
        """
        if self.taken >= self._most:
            self._refuse(f"{self._most} such calls are under way, which is as many as the server takes")
        if self._most_per_principal is not None:
            if self._by_principal[principal] >= self._most_per_principal:
                self._refuse(f"{principal} has {self._most_per_principal} such calls under way, which is the limit")
            self._by_principal[principal] += 1
        self.taken += 1

    def leave(self, principal: str) -> None:
        """Give the place back."""
        self.taken -= 1
        if self._most_per_principal is not None:
            self._by_principal[principal] -= 1
            if not self._by_principal[principal]:
                del self._by_principal[principal]

    def _refuse(self, message: str) -> None:
        raise LimitReached(message, reason=self._reason, retry_after=RETRY_AFTER_SECONDS)


class Admission:
    """The places of all classes of one server.

    Attributes:
        watchers: How many watches may be open.
        watchers_per_principal: How many of them one principal may have.
    """

    def __init__(self, watchers: int = WATCHERS_MAX, watchers_per_principal: int = WATCHERS_PER_PRINCIPAL_MAX) -> None:
        self.watchers = watchers
        self.watchers_per_principal = watchers_per_principal
        self._places = {
            MethodClass.UNARY: Places(256),
            MethodClass.WAITING: Places(4_096),
            MethodClass.URGENT: Places(4_096),
            MethodClass.WATCH: Places(watchers, watchers_per_principal, "TOO_MANY_WATCHERS"),
        }

    def places(self, method_class: MethodClass) -> Places:
        """Find the places of a class."""
        return self._places[method_class]
