"""Deleting executions at a caller's wish: whole trees, or only their histories (row 50)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.base_state import encode_base_state
from perdure.codec.executions import etag
from perdure.domain.commands import Cancel
from perdure.domain.errors import Conflict, NotFound, WrongState
from perdure.domain.frozen import frozen
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import BaseState, ExecutionKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from perdure.domain.execution import Execution
    from perdure.engine.active import ActiveSet
    from perdure.engine.queries import Queries
    from perdure.store.records import ExecutionRow

COMMIT_EXECUTIONS: Final = 100
"""Executions deleted in one commit: what has to be durable meanwhile waits no longer than for these."""

COMMIT_BYTES: Final = 4 << 20
"""Size of the states that one commit writes in place of histories."""

FORCE_REASON: Final = "the execution is being deleted"


@frozen
class Deletion:
    """What is to be deleted.

    Attributes:
        force: Whether one in development mode that has not ended is cancelled first.
        history_only: Whether the executions stay as they ended.
        etag: The state that the caller has seen; empty for any.
        principal: Who asks.
    """

    key: ExecutionKey
    force: bool = False
    history_only: bool = False
    etag: str = ""
    principal: str = ""


class _Found(NamedTuple):
    """What decides whether an execution may be deleted."""

    etag: str
    ended: bool
    development: bool
    parent: str


class Deleter:
    """Deletes executions.

    Args:
        delete: Deletes executions that have ended, in one commit; returns when it is durable.
    """

    def __init__(
        self, active: ActiveSet, queries: Queries, delete: Callable[[Sequence[ExecutionKey]], Awaitable[int]]
    ) -> None:
        self._active = active
        self._queries = queries
        self._delete = delete

    async def check(self, wanted: Deletion) -> None:
        """Check whether something may be deleted.

        Raises:
            NotFound: There is no such execution.
            WrongState: It, its parent or a sub-execution has not ended.
            Conflict: It is not as the caller has seen it.
        """
        found = await self._active.view(wanted.key, _found)
        if wanted.etag not in {"", found.etag}:
            raise Conflict(f"execution {wanted.key.execution} has changed; read it again", etag=found.etag)
        if not found.ended and not (wanted.force and found.development):
            hint = "cancel it first, or use force" if found.development else "cancel it first"
            _refuse(wanted.key, f"has not ended; {hint}")
        if found.parent and await self._is_live(ExecutionKey(wanted.key.project, found.parent)):
            _refuse(wanted.key, f"belongs to execution {found.parent}, which has not ended")
        if found.ended:
            async for rows in self._tree(wanted.key):
                self._require_ended(wanted, rows)

    async def perform(self, wanted: Deletion) -> None:
        """Delete an execution with its sub-executions, orphans aside; it goes last.

        A call that breaks off has deleted some sub-executions; another one deletes the rest.

        Raises:
            NotFound: There is no such execution.
            WrongState: It, its parent or a sub-execution has not ended.
            Conflict: It is not as the caller has seen it.
            Unavailable: The store refused.
        """
        await self.check(wanted)
        if wanted.force:
            await self._end_tree(wanted)
        async for rows in self._tree(wanted.key):
            below = [row for row in rows if row.created.key != wanted.key]
            await self._delete_rows(wanted, below)
        await self._delete_rows(wanted, [await self._queries.row(wanted.key)])

    async def _is_live(self, key: ExecutionKey) -> bool:
        try:
            row = await self._queries.row(key)
        except NotFound:
            return False
        return row.facts.end_time is None

    async def _tree(self, key: ExecutionKey) -> AsyncIterator[list[ExecutionRow]]:
        """Read an execution and those below it, page by page, the newest first."""
        query = ListQuery(Scope(key.project, tree=key.execution), limit=COMMIT_EXECUTIONS)
        while True:
            page = await self._queries.list_page(query)
            yield page.rows
            if page.next is None:
                return
            query = replace(query, after=page.next)

    def _require_ended(self, wanted: Deletion, rows: Sequence[ExecutionRow]) -> None:
        for row in rows:
            if row.facts.end_time is None:
                _refuse(wanted.key, f"has a sub-execution that has not ended: {row.created.key.execution}")

    async def _end_tree(self, wanted: Deletion) -> None:
        """Cancel everything that has not ended, with force, stage by stage: what is undone or torn down, too."""
        cancel = Cancel(FORCE_REASON, wanted.principal, force=True)
        while True:
            moved = False
            live = [
                row.created.key async for rows in self._tree(wanted.key) for row in rows if row.facts.end_time is None
            ]
            for key in live:
                transition = await self._active.command(key, cancel)
                moved = moved or transition is None or bool(transition.events)
            if not live:
                return
            if not moved:
                _refuse(wanted.key, "cannot be ended now")

    async def _delete_rows(self, wanted: Deletion, rows: Sequence[ExecutionRow]) -> None:
        self._require_ended(wanted, rows)
        keys = [row.created.key for row in rows]
        if wanted.history_only:
            await self._delete_histories([row.created.key for row in rows if not row.history_deleted])
        elif keys:
            await self._delete(keys)

    async def _delete_histories(self, keys: Sequence[ExecutionKey]) -> None:
        states: list[BaseState] = []
        size = 0
        for key in keys:
            state = await self._active.view(key, _final_state)
            states.append(state)
            size += len(state.payload)
            if size > COMMIT_BYTES:
                await self._active.delete_histories(states)
                states, size = [], 0
        if states:
            await self._active.delete_histories(states)
        self._queries.forget(keys)


def _found(execution: Execution, _: int) -> _Found:
    created = execution.created
    return _Found(
        etag(execution.id, execution.sequence),
        execution.is_terminal,
        execution.development,
        "" if created.orphan else created.parent,
    )


def _final_state(execution: Execution, _: int) -> BaseState:
    """Encode the last state of an execution; its snapshots go with its events."""
    final = replace(execution, snapshots=[])
    return BaseState(ExecutionKey(execution.project, execution.id), execution.sequence, encode_base_state(final))


def _refuse(key: ExecutionKey, message: str) -> None:
    raise WrongState(f"execution {key.execution} {message}", reason="EXECUTION_IN_USE", execution=key.execution)
