"""What every part of the engine works with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from perdure.domain.commands import Context
from perdure.domain.errors import Unavailable
from perdure.domain.limits import SECOND
from perdure.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.domain.commands import Chance
    from perdure.domain.expression import Evaluator
    from perdure.runtime.clock import Clock
    from perdure.runtime.supervisor import Supervisor
    from perdure.store.interface import Store

_logger = logging.getLogger(__name__)

TRY_AGAIN_AFTER: Final = SECOND
"""Pause before work that the store refused is tried again, in microseconds."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Store, time, chance and expressions; made once by the composition root.

    Attributes:
        location: The one location that this server serves.
    """

    store: Store
    clock: Clock
    chance: Chance
    evaluator: Evaluator
    supervisor: Supervisor
    location: str = "local"

    def context(self) -> Context:
        """Make the context of a command that is decided now."""
        return Context(self.clock.now(), self.evaluator, self.chance)

    def insist(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Do work in the background; as long as the store refuses, it is tried again."""
        self.supervisor.spawn(self._insist(work, name), name)

    def insist_later(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Do work in the background as `insist` does, after the pause that follows a refusal."""
        self.clock.call_at(self.clock.now() + TRY_AGAIN_AFTER, lambda: self.insist(work, name))

    async def _insist(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        try:
            await work()
        except (Unavailable, StoreError):
            _logger.warning("%s: the store refused; trying again", name)
            self.insist_later(work, name)
