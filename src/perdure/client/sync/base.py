"""What every part of the blocking client works with: a client, and the loop that it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from perdure.client.client import Client
    from perdure.client.sync.loop_thread import LoopThread


class SyncClientBase:
    """A client that is open until it is closed; used with `with`.

    Args:
        client: Makes the calls.
        loop: Runs them.
    """

    def __init__(self, client: Client, loop: LoopThread) -> None:
        self._client = client
        self._loop = loop
        self.scope = client.scope

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every call, the connection and the thread; safe to call twice. Calls that wait get `ClientClosed`."""
        self._loop.close()

    @property
    def target(self) -> str:
        """As `Client.target`."""
        return self._client.target
