"""What every part of the client works with: its connection, its calls and the names that it completes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from perdure.client.calls import Calls
from perdure.client.connection import Connection
from perdure.runtime.chance import SystemChance

if TYPE_CHECKING:
    from types import TracebackType

    from perdure.client.names import Scope


class ClientBase:
    """A connection to a server, used with `async with` inside a running loop.

    Args:
        target: `HOST:PORT`, or `unix:PATH`.
        scope: Completes short names.
        deadline: Seconds for a call with all its tries, unless the method has a timeout of its own.
        connect_timeout: Seconds after which everything gives up as long as nobody has ever answered at the target.
    """

    def __init__(self, target: str, scope: Scope, deadline: float, connect_timeout: float) -> None:
        self.scope = scope
        self._connection = Connection(target, connect_timeout)
        self._chance = SystemChance()
        self._calls = Calls(self._connection, deadline, self._chance.jitter)

    async def __aenter__(self) -> Self:
        self._connection.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and the connection; safe to call twice. Calls that wait get `ClientClosed`."""
        await self._connection.close()

    @property
    def target(self) -> str:
        """Where the server is, as it was given."""
        return self._connection.target
