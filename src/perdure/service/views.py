"""Executions as answers show them: which one a name means, and how much of it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.executions import show_execution
from perdure.codec.listed_executions import show_row
from perdure.codec.names import WILDCARD
from perdure.domain.errors import FieldViolation, InvalidRequest, NotFound
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.service.snapshot_reading import Extent, SnapshotReader
from perdure.store.records import ExecutionKey
from perdure.v1 import execution_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.names import ExecutionName, SnapshotName
    from perdure.domain.execution import Execution
    from perdure.engine.engine import Engine

CHILDREN_SHOWN: Final = 100

_View = execution_pb2.Execution.View


def wants_full(view: int, *, default: int) -> bool:
    """Read a view.

    Raises:
        InvalidRequest: It is none that this server knows.
    """
    chosen = view or default
    if chosen not in {_View.VIEW_BASIC, _View.VIEW_FULL}:
        description = "is no view that this server knows"
        raise InvalidRequest(f"view: {description}", FieldViolation("view", description))
    return chosen == _View.VIEW_FULL


def key_of(name: ExecutionName | SnapshotName) -> ExecutionKey:
    """Take what identifies an execution out of its name."""
    return ExecutionKey(name.project, name.execution)


class Shown(NamedTuple):
    """An execution as an answer has it, and how far it had come."""

    message: execution_pb2.Execution
    extent: Extent


class Views:
    """Shows executions."""

    def __init__(self, engine: Engine, snapshots: SnapshotReader) -> None:
        self._engine = engine
        self._clock = engine.environment.clock
        self._location = engine.environment.location
        self._snapshots = snapshots

    def show(self, name: ExecutionName, *, full: bool) -> Callable[[Execution, int], Shown]:
        """Make what the engine calls to show an execution; for FULL, `complete` adds the rest."""

        def convert(execution: Execution, store_revision: int) -> Shown:
            _check_integration(name, execution)
            message = show_execution(
                execution,
                location=self._location,
                full=full,
                store_revision=store_revision,
                now=self._clock.now(),
            )
            return Shown(message, _extent(execution))

        return convert

    async def get(self, name: ExecutionName, *, full: bool) -> Shown:
        """Read an execution.

        Raises:
            NotFound: There is none of that name.
        """
        shown = await self._engine.view(key_of(name), self.show(name, full=full))
        return await self.complete(name, shown) if full else shown

    async def complete(self, name: ExecutionName, shown: Shown) -> Shown:
        """Add to a FULL view what the state of the execution does not tell."""
        key = key_of(name)
        children = await self._engine.queries.children(key, CHILDREN_SHOWN)
        now = self._clock.now()
        for row in children:
            child = shown.message.direct_sub_executions.add()
            child.CopyFrom(show_row(row, self._location, now))
            # The row knows those above by their ids alone.
            child.parent = shown.message.name
            if not child.orphan:
                child.root = shown.message.root
        room = max(PAGE_MAX_BYTES - shown.message.ByteSize(), 0)
        newest = await self._snapshots.newest(key, shown.extent, room)
        shown.message.execution_details.execution_snapshots.extend(newest)
        return shown

    async def extent(self, name: ExecutionName | SnapshotName) -> Extent:
        """Find out how far an execution has come.

        Raises:
            NotFound: There is none of that name.
        """

        def convert(execution: Execution, _: int) -> Extent:
            _check_integration(name, execution)
            return _extent(execution)

        return await self._engine.view(key_of(name), convert)


def _extent(execution: Execution) -> Extent:
    return Extent(execution.sequence, len(execution.snapshots), execution.is_terminal, execution.create_time)


def _check_integration(name: ExecutionName | SnapshotName, execution: Execution) -> None:
    if name.integration not in {WILDCARD, execution.created.integration}:
        raise NotFound("execution", str(name))
