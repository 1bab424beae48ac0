"""One call: who makes it, under which id, and what may be sent besides the answer."""

from __future__ import annotations

import itertools
import secrets
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from perdure.domain.frozen import frozen

if TYPE_CHECKING:
    import grpc

LOCAL_PRINCIPAL: Final = "local"
"""Who calls over loopback or the private socket, the only ways in before authentication exists."""

CALL_ID: Final[ContextVar[str]] = ContextVar("call_id", default="")
"""Id of the call that the running code belongs to, for the log."""

_PROCESS: Final = secrets.token_hex(4)
_numbers: Final = itertools.count(1)


def next_call_id() -> str:
    """Make an id that no other call of any process has; it tells nothing to who reads it."""
    return f"{_PROCESS}-{next(_numbers):x}"


@frozen
class Call:
    """What a servicer may know of the call besides its request.

    Attributes:
        id: Told to the caller when the server fails, and written to its log.
        principal: On whose behalf it is made.
    """

    id: str
    principal: str
    context: grpc.aio.ServicerContext[Any, Any]

    def metadata(self, key: str) -> str:
        """Read the text of one metadata key; empty if it is missing or comes more than once."""
        values = [value for name, value in self.context.invocation_metadata() or () if name == key]
        return values[0] if len(values) == 1 and isinstance(values[0], str) else ""

    def remaining_seconds(self) -> float | None:
        """Tell how long the caller still waits; None for as long as it takes."""
        remaining: float | None = self.context.time_remaining()
        return remaining

    async def send_metadata(self, *pairs: tuple[str, str]) -> None:
        """Send initial metadata, ahead of the answer; without any pair they tell that the call has begun."""
        await self.context.send_initial_metadata(pairs)
