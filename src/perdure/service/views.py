"""Executions as answers show them: which one a name means, read with what is wanted of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.executions import show_execution
from perdure.codec.lineage import put_replays
from perdure.codec.names import WILDCARD, ExecutionName
from perdure.domain.errors import NotFound
from perdure.service.listed import show_row
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.service.snapshot_reading import Extent, SnapshotReader
from perdure.store.records import ExecutionKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.names import SnapshotName
    from perdure.domain.execution import Execution
    from perdure.engine.engine import Engine
    from perdure.service.contents import Contents
    from perdure.store.records import ExecutionRow
    from perdure.v1 import execution_pb2

CHILDREN_SHOWN: Final = 100


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

    def show(self, name: ExecutionName, contents: Contents) -> Callable[[Execution, int], Shown]:
        """Make what the engine calls to show an execution; `complete` adds what its state does not tell."""

        def convert(execution: Execution, store_revision: int) -> Shown:
            _check_integration(name, execution)
            message = show_execution(
                execution,
                location=self._location,
                full=contents.full,
                store_revision=store_revision,
                now=self._clock.now(),
            )
            return Shown(message, _extent(execution))

        return convert

    async def get(self, name: ExecutionName, contents: Contents) -> Shown:
        """Read an execution.

        Raises:
            NotFound: There is none of that name.
        """
        shown = await self._engine.view(key_of(name), self.show(name, contents))
        return await self.complete(key_of(name), shown, contents)

    async def read(self, key: ExecutionKey, contents: Contents) -> Shown:
        """Read an execution by its key.

        Raises:
            NotFound: There is no such execution.
        """
        return await self.get(ExecutionName(key.project, self._location, WILDCARD, key.execution), contents)

    async def complete(self, key: ExecutionKey, shown: Shown, contents: Contents) -> Shown:
        """Add what is wanted and the state of an execution does not tell, and cut off what is not wanted."""
        message = shown.message
        put_replays(await self._engine.replayer.replays(key), message)
        if contents.children:
            rows = await self._engine.queries.children(key, CHILDREN_SHOWN)
            message.direct_sub_executions.extend(self.show_row(row) for row in rows)
        contents.cut(message)
        if contents.snapshots:
            room = max(PAGE_MAX_BYTES - message.ByteSize(), 0)
            newest = await self._snapshots.newest(key, shown.extent, room, with_params=contents.params)
            message.execution_details.execution_snapshots.extend(newest)
        return shown

    def show_row(self, row: ExecutionRow) -> execution_pb2.Execution:
        """Show an execution as far as its columns tell, as lists do."""
        return show_row(row, self._location, self._clock.now())

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
