"""`ExportExecution`: everything that is kept about an execution, as JSON lines in a fixed order (row 39).

The order of the lines, by their `type`:

1. `header`, once: the format, the server, the store, and the store revision that everything is as of.
2. For the execution, and then for each one below it if they are wanted, each after its parent and the newest first:
   `execution`, in the view FULL without snapshots and sub-executions; `integration_revision`, where it is the first
   execution that runs it; an `event` for each event, by sequence; a `snapshot` for each snapshot, by number; a
   `suspension` for each suspension, by number.
3. `footer`, once: how many lines of each type came before it. An export without it is not complete.

Each of these lines but the first and the last holds the message of the contract, in proto3 JSON, under the name that is
its type. A line is made when the reader has taken those before it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.codec.executions import show_execution
from perdure.codec.message_parts import put_instant
from perdure.domain.apply import apply, first_state
from perdure.domain.events import ExecutionCreated
from perdure.service.history import HistoryReader
from perdure.service.integration_service import show_revision
from perdure.service.snapshot_reading import Extent
from perdure.service.suspension_view import show_suspension
from perdure.service.views import key_of
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import ExecutionKey, IntegrationKey
from perdure.store.suspensions import SuspensionQuery, SuspensionState
from perdure.v1.execution_service_pb2 import ExportExecutionResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from google.protobuf.message import Message

    from perdure.domain.execution import Execution
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.snapshot_reading import SnapshotReader
    from perdure.service.views import Views
    from perdure.store.suspensions import SuspensionRow
    from perdure.v1.execution_pb2 import Execution as ExecutionMessage
    from perdure.v1.execution_service_pb2 import ExportExecutionRequest

FORMAT: Final = 1

MESSAGE_BYTES: Final = 64 << 10
"""Lines are gathered until they have so many bytes together; one that is larger by itself travels alone."""

LARGE_MESSAGE_BYTES: Final = 32 << 10
"""A message beyond this size is written off the loop."""

CHILDREN_AT_A_TIME: Final = 100


class Exporter:
    """Exports executions."""

    def __init__(self, engine: Engine, names: NameReader, views: Views, snapshots: SnapshotReader) -> None:
        self._engine = engine
        self._names = names
        self._views = views
        self._snapshots = snapshots

    async def export_execution(
        self, request: ExportExecutionRequest, _: Call
    ) -> AsyncGenerator[ExportExecutionResponse]:
        """Send all lines of an export, several in a message."""
        name = self._names.execution(request.name, "name")
        await self._views.extent(name)
        export = Export(self._engine, self._snapshots)
        gathered: list[str] = []
        size = 0
        async with aclosing(export.lines(key_of(name), below=request.include_sub_executions)) as lines:
            async for line in lines:
                if gathered and size + len(line) > MESSAGE_BYTES:
                    yield ExportExecutionResponse(lines="".join(gathered))
                    gathered, size = [], 0
                gathered.append(line)
                size += len(line)
        yield ExportExecutionResponse(lines="".join(gathered))


class _AsOf(NamedTuple):
    """An execution as of the revision of an export.

    Attributes:
        open_suspensions: Numbers of those that nobody had resolved.
        suspensions: How many there had been.
    """

    message: ExecutionMessage
    extent: Extent
    revision_id: str
    integration: str
    open_suspensions: frozenset[int]
    suspensions: int
    revision: int


class Export:
    """One export, as of the store revision of its beginning: good for one reading.

    Args:
        engine: What is exported.
        snapshots: Reads snapshots.
    """

    def __init__(self, engine: Engine, snapshots: SnapshotReader) -> None:
        self._engine = engine
        self._queries = engine.queries
        self._store = engine.environment.store
        self._clock = engine.environment.clock
        self._location = engine.environment.location
        self._snapshots = snapshots
        self._revision = self._store.committed_revision()
        self._now = self._clock.now()
        self._counts: Counter[str] = Counter()
        self._revisions_written: set[tuple[str, str]] = set()

    async def lines(self, key: ExecutionKey, *, below: bool) -> AsyncGenerator[str]:
        """Make all lines, each ended by a line feed."""
        state = await self._as_of(key)
        if state is None:
            # Created after the revision was taken, which is then taken once more.
            self._revision = self._store.committed_revision()
            state = await self._as_of(key)
        assert state is not None, "what can be read is durable"
        yield self._header(state)
        async with aclosing(self._tree(key, state) if below else self._execution(key, state)) as lines:
            async for line in lines:
                yield line
        yield _line({"type": "footer", "counts": dict(sorted(self._counts.items()))})

    def _header(self, state: _AsOf) -> str:
        now = Timestamp()
        put_instant(self._now, now)
        return _line(
            {
                "type": "header",
                "format": FORMAT,
                "execution": state.message.name,
                "serverVersion": version("perdure"),
                "storeId": self._store.identity.store_id,
                "storeRevision": str(self._revision),
                "exportTime": now.ToJsonString(),
            }
        )

    async def _tree(self, key: ExecutionKey, state: _AsOf) -> AsyncGenerator[str]:
        """Write an execution, and then the ones below it."""
        async with aclosing(self._execution(key, state)) as lines:
            async for line in lines:
                yield line
        query = ListQuery(Scope(key.project, parent=key.execution), limit=CHILDREN_AT_A_TIME)
        while True:
            page = await self._queries.list_page(query)
            for row in page.rows:
                child = None if row.created.orphan else await self._as_of(row.created.key)
                if child is None:
                    continue
                async with aclosing(self._tree(row.created.key, child)) as lines:
                    async for line in lines:
                        yield line
            if page.next is None:
                return
            query = ListQuery(query.scope, limit=CHILDREN_AT_A_TIME, after=page.next)

    async def _execution(self, key: ExecutionKey, state: _AsOf) -> AsyncGenerator[str]:
        """Write everything about one execution."""
        yield await self._write("execution", state.message)
        definition = (state.integration, state.revision_id)
        if definition not in self._revisions_written:
            self._revisions_written.add(definition)
            record = await self._engine.integrations.get_revision(
                IntegrationKey(key.project, state.integration), state.revision_id
            )
            yield await self._write("integration_revision", show_revision(record, self._location))
        row = await self._queries.row(key)
        if not row.history_deleted:
            async with aclosing(self._history(key, state)) as lines:
                async for line in lines:
                    yield line
        async with aclosing(self._suspensions(key, state)) as suspensions:
            async for line in suspensions:
                yield line

    async def _history(self, key: ExecutionKey, state: _AsOf) -> AsyncGenerator[str]:
        reader = await HistoryReader.open(self._engine, key, 0)
        async with aclosing(reader.rest()) as events:
            async for event in events:
                if event.sequence > state.extent.sequence:
                    break
                yield await self._write("event", event)
        if state.extent.snapshots:
            kept = self._snapshots.oldest_first(key, state.extent, 1, with_params=True)
            async with aclosing(kept) as snapshots:
                async for _, snapshot in snapshots:
                    yield await self._write("snapshot", snapshot)

    async def _suspensions(self, key: ExecutionKey, state: _AsOf) -> AsyncGenerator[str]:
        rows: list[SuspensionRow] = []
        query = SuspensionQuery(key.project, execution=key.execution)
        while state.suspensions:
            page = await self._store.suspension_page(query)
            rows += page.rows
            if page.next is None:
                break
            query = SuspensionQuery(key.project, execution=key.execution, after=page.next)
        for row in sorted(rows, key=lambda row: row.record.key.number):
            number = row.record.key.number
            if number <= state.suspensions:
                shown = _reopened(row) if number in state.open_suspensions else row
                yield await self._write("suspension", show_suspension(shown, self._location))

    async def _as_of(self, key: ExecutionKey) -> _AsOf | None:
        """Read an execution as of the revision; None if it did not exist."""
        state = await self._engine.view(key, self._take)
        return state if state.revision <= self._revision else await self._fold(key)

    def _take(self, execution: Execution, store_revision: int) -> _AsOf:
        message = show_execution(
            execution, location=self._location, full=True, store_revision=store_revision, now=self._now
        )
        extent = Extent(execution.sequence, len(execution.snapshots), execution.is_terminal, execution.create_time)
        return _AsOf(
            message,
            extent,
            execution.created.revision_id,
            execution.created.integration,
            frozenset(execution.suspensions),
            execution.suspension_count,
            store_revision,
        )

    async def _fold(self, key: ExecutionKey) -> _AsOf | None:
        """Fold the history as far as it belongs to the revision."""
        _, graph = await self._queries.created_event(key)
        execution: Execution | None = None
        revision = 0
        async with aclosing(self._queries.events(key, 0)) as events:
            async for each in events:
                if each.revision > self._revision:
                    break
                revision = each.revision
                if execution is None:
                    assert isinstance(each.event, ExecutionCreated), "a history begins with the creation"
                    execution = first_state(each.event, graph, key.execution, key.project, each.time)
                else:
                    apply(execution, each.event, each.time)
        return None if execution is None else self._take(execution, revision)

    async def _write(self, kind: str, message: Message) -> str:
        self._counts[kind] += 1
        if message.ByteSize() > LARGE_MESSAGE_BYTES:
            return await asyncio.to_thread(_message_line, kind, message)
        return _message_line(kind, message)


def _reopened(row: SuspensionRow) -> SuspensionRow:
    """Make of a suspension what it was before it was resolved."""
    update_time = row.record.create_time if row.last_reminder_time is None else row.last_reminder_time
    pending = SuspensionState.PENDING
    return replace(row, state=pending, update_time=update_time, resolve_time=None, resolver="", result="")


def _message_line(kind: str, message: Message) -> str:
    return _line({"type": kind, kind: json_format.MessageToDict(message)})


def _line(form: dict[str, Any]) -> str:
    return json.dumps(form, ensure_ascii=False, separators=(",", ":")) + "\n"
