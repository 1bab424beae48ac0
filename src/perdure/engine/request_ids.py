"""Request ids: the same request under the same id starts nothing twice (row 7).

What an id was used for is stored in the commit that used it; the newest ones are also kept in memory, so
that a repeated request needs no look at the store and waits for one that is still under way.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from perdure.domain.errors import AlreadyExists
from perdure.store.records import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from perdure.engine.environment import Environment

EXECUTE_METHOD: Final = "Execute"
RECENT_REQUESTS: Final = 10_000
"""Request ids remembered in memory."""

Answer = TypeVar("Answer")


class RequestId(NamedTuple):
    """A request id, which counts within a project and a method.

    Attributes:
        text: As the caller gave it; empty for none.
        digest: Hash of what is asked for under it.
    """

    project: str
    text: str
    digest: bytes


class RequestIds(Generic[Answer]):
    """Remembers what the request ids of one method were used for."""

    def __init__(self, environment: Environment, method: str = EXECUTE_METHOD) -> None:
        self._env = environment
        self._method = method
        self._recent: OrderedDict[tuple[str, str], tuple[bytes, asyncio.Future[Answer]]] = OrderedDict()

    async def recent(self, request: RequestId) -> Answer | None:
        """Find the answer to an earlier request, waiting for one that is under way; None if none is remembered.

        Raises:
            AlreadyExists: The id was used for another request.
            PerdureError: The request that is under way was refused.
        """
        key = (request.project, request.text)
        recent = self._recent.get(key)
        while recent is not None and recent[0] != request.digest and not recent[1].done():
            # Only a request that has become durable uses the id up.
            await asyncio.wait([recent[1]])
            recent = self._recent.get(key)
        if recent is None:
            return None
        _check_same(recent[0], request)
        return await asyncio.shield(recent[1])

    async def once(self, request: RequestId, work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Carry out a request that is not remembered; a caller that goes away meanwhile leaves it running."""
        key = (request.project, request.text)
        answer = self._env.supervisor.share(work(), self._method)
        self._recent[key] = (request.digest, answer)
        while len(self._recent) > RECENT_REQUESTS:
            self._recent.popitem(last=False)
        answer.add_done_callback(lambda done: self._forget_refusal(key, done))
        return await asyncio.shield(answer)

    def _forget_refusal(self, key: tuple[str, str], done: asyncio.Future[Answer]) -> None:
        recent = self._recent.get(key)
        failed = done.cancelled() or done.exception() is not None
        if failed and recent is not None and recent[1] is done:
            del self._recent[key]

    def record(self, request: RequestId, executions: Sequence[str]) -> RequestRecord | None:
        """Make what the commit of a request keeps of its id; None if it has none."""
        if not request.text:
            return None
        now = self._env.clock.now()
        return RequestRecord(request.project, self._method, request.text, request.digest, tuple(executions), now)

    async def stored(self, request: RequestId) -> RequestRecord | None:
        """Read what an id was used for; None if it was not, or if there is none.

        Raises:
            AlreadyExists: It was used for another request.
        """
        if not request.text:
            return None
        record = await self._env.store.get_request(request.project, self._method, request.text)
        if record is not None:
            _check_same(record.digest, request)
        return record

    def forget(self, forgotten: Sequence[tuple[str, str, str]]) -> None:
        """Forget ids that the store is about to forget, each as (project, method, request id)."""
        for project, method, text in forgotten:
            if method == self._method:
                self._recent.pop((project, text), None)


def _check_same(first: bytes, request: RequestId) -> None:
    if first != request.digest:
        message = f"request id {request.text} was used for another request"
        raise AlreadyExists(message, reason="REQUEST_ID_REUSED", request_id=request.text)
