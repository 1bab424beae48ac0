"""Opens watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.watch.envelope import Envelope
from perdure.watch.start import StartReader
from perdure.watch.stream import Stream, Surroundings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.codec.tokens import TokenCodec
    from perdure.engine.engine import Engine
    from perdure.watch.hub import WatchHub
    from perdure.watch.order import WatchOrder

MAX_AGE_SECONDS: Final = 30.0 * 60
"""Age at which a stream is asked to come again, so that load spreads over servers."""


class Watches:
    """Runs streams.

    Attributes:
        max_age_seconds: Age at which a stream is asked to come again; varied by a tenth each way.
    """

    def __init__(
        self, engine: Engine, hub: WatchHub, tokens: TokenCodec, *, max_age_seconds: float = MAX_AGE_SECONDS
    ) -> None:
        self.max_age_seconds = max_age_seconds
        self._shared = Surroundings(engine.environment, engine.queries, hub)
        self._starts = StartReader(engine.environment.store, tokens)
        self._tokens = tokens

    async def run(
        self, order: WatchOrder, opened: Callable[[], Awaitable[None]], write: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Send serialised `WatchResponse`s until the watch has ended.

        Args:
            order: What is asked for.
            opened: Awaited when it is certain where the watch begins: nothing from there on is missed.
            write: Sends a message; waits as long as the reader does not take it.

        Raises:
            NotFound: The execution that the scope names has been deleted.
            InvalidRequest: The cursor is none, or of another watch.
            WrongState: The start is of another store, or of a future that this one does not have; or the history of
                the execution that the scope names has been deleted.
            CursorExpired: What follows the start is not kept any more.
        """
        environment, _, hub = self._shared
        subject = order.subject
        store_id = environment.store.identity.store_id
        envelope = Envelope(self._tokens, environment.clock, store_id, subject.scope.project, subject.digest)
        stream = Stream(self._shared, order, self.max_age_seconds, write)
        with hub.follow(subject, envelope, stream) as selection:
            await stream.run(self._starts.read(order.start, subject), selection, opened)
