"""What every part of the engine works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perdure.domain.commands import Context

if TYPE_CHECKING:
    from perdure.domain.commands import Chance
    from perdure.domain.expression import Evaluator
    from perdure.runtime.clock import Clock
    from perdure.runtime.supervisor import Supervisor
    from perdure.store.interface import Store


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
