"""Retention: executions that have ended are deleted when their time has come, each with its whole tree.

What the root's integration says in its latest revision counts for the tree. Each pass looks at all integrations that
have executions, and deletes in commits small enough for others to come in between. Nothing is remembered from one pass
to the next but how far request ids were looked at: what a pass leaves, also one that was cut short, the next one finds.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations import read_retention
from perdure.codec.revisions import decode_revision
from perdure.domain.errors import Unavailable
from perdure.domain.limits import SECOND
from perdure.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from perdure.domain.integration import Retention as Kept
    from perdure.engine.environment import Environment
    from perdure.runtime.clock import Call
    from perdure.store.records import ExecutionKey, IntegrationKey

    Delete = Callable[[Sequence[ExecutionKey], Sequence[tuple[str, str, str]]], Awaitable[int]]

_logger = logging.getLogger(__name__)

PERIOD: Final = 60 * SECOND
"""Pause between two passes, and before the first one, made up to a tenth longer."""

PAUSE_WITH_MORE: Final = SECOND
"""Pause after a pass that has left something, so that other integrations get their turn."""

COMMIT_EXECUTIONS: Final = 100
"""Executions deleted in one commit: what has to be durable meanwhile waits no longer than for these."""

PASS_EXECUTIONS: Final = 10_000
"""Executions of one integration, with those below them, deleted in one pass."""

REQUEST_ID_AGE: Final = 24 * 3600 * SECOND
"""A request id is known at least so long, also when its executions are gone (decision 7)."""

LOOK_REQUEST_IDS: Final = 1_000
"""Request ids looked at in one go."""

PASS_LOOKS: Final = 10
"""Looks at request ids in one pass."""


class Retention:
    """Deletes what has ended long enough ago, or is one too many (row 81, W19).

    Args:
        environment: Store, clock and the like.
        delete: Deletes executions that have ended and forgets request ids, in one commit; returns when it is durable.
        default_age: How long executions are kept whose integration says nothing, or is deleted, in microseconds;
            None for ever.
    """

    def __init__(self, environment: Environment, delete: Delete, default_age: int | None) -> None:
        self._store = environment.store
        self._clock = environment.clock
        self._chance = environment.chance
        self._supervisor = environment.supervisor
        self._delete = delete
        self._default_age = default_age
        self._kept: dict[IntegrationKey, tuple[int, Kept | None]] = {}
        self._looked: tuple[int, str, str, str] | None = None
        self._next_pass: Call | None = None
        self._closed = False

    def start(self) -> None:
        """Begin with passes, the first one after a pause."""
        self._pause(PERIOD)

    def close(self) -> None:
        """Begin no pass any more."""
        self._closed = True
        if self._next_pass is not None:
            self._next_pass.cancel()

    def _pause(self, length: int) -> None:
        if not self._closed:
            due = self._clock.now() + length + round(length / 10 * self._chance.jitter())
            self._next_pass = self._clock.call_at(due, self._begin)

    def _begin(self) -> None:
        self._supervisor.spawn(self._pass(), "retention")

    async def _pass(self) -> None:
        try:
            more = await self.run_pass()
        except (StoreError, Unavailable):
            _logger.warning("retention: the store refused; what is left is deleted later", exc_info=True)
            more = False
        self._pause(PAUSE_WITH_MORE if more else PERIOD)

    async def run_pass(self) -> bool:
        """Delete what may be deleted now; returns whether there is more than one pass takes.

        Raises:
            StoreError: The store cannot be read.
            Unavailable: The store refused to write; what was deleted before stays deleted.
        """
        keys = await self._store.integrations_with_executions()
        self._kept = {key: self._kept[key] for key in keys if key in self._kept}
        more = [await self._delete_ended(key) for key in keys]
        await self._forget_request_ids()
        return any(more)

    async def _delete_ended(self, key: IntegrationKey) -> bool:
        """Delete executions of one integration with their trees; returns whether there is more."""
        age, count = await self._limits(key)
        if age is None and count is None:
            return False
        ended_before = 0 if age is None else self._clock.now() - age
        before: list[ExecutionKey] = []
        deleted = 0
        more = True
        while more and deleted < PASS_EXECUTIONS:
            trees = await self._store.ended_trees(key, ended_before=ended_before, keep=count, limit=COMMIT_EXECUTIONS)
            executions = [execution for tree in trees for execution in tree.executions]
            more = bool(executions)
            if more and executions == before:
                # The store deletes none that is alive: then one was taken for ended.
                _logger.error("retention: executions cannot be deleted, first %s", executions[0])
                more = False
            if more:
                await self._delete(executions, ())
                deleted += len(executions)
                before = executions
        if deleted:
            _logger.info("retention: deleted %d executions of %s/%s and below", deleted, key.project, key.integration)
        return more

    async def _limits(self, key: IntegrationKey) -> tuple[int | None, int | None]:
        """Find out how long after their end, and how many, executions of an integration are kept."""
        record = await self._store.get_integration(key)
        kept = None if record is None or record.deleted else await self._latest(key, record.latest_ordinal)
        if kept is None:
            return self._default_age, None
        return (self._default_age if kept.max_age is None else kept.max_age), kept.max_count

    async def _latest(self, key: IntegrationKey, ordinal: int) -> Kept | None:
        """Read what the latest revision says; kept by its ordinal, so that no pass reads a definition twice."""
        known = self._kept.get(key)
        if known is None or known[0] != ordinal:
            revision = await self._store.get_revision(key, ordinal)
            assert revision is not None, "an integration has its latest revision"
            known = self._kept[key] = (ordinal, read_retention(decode_revision(revision.payload)))
        return known[1]

    async def _forget_request_ids(self) -> None:
        """Look at some more of the request ids, and forget those that are old and whose executions are gone."""
        created_before = self._clock.now() - REQUEST_ID_AGE
        for _ in range(PASS_LOOKS):
            gone, end = await self._store.forgettable_requests(created_before, self._looked, LOOK_REQUEST_IDS)
            if gone:
                await self._delete((), gone)
            self._looked = end
            if end is None:
                return
