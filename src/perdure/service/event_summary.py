"""`SummarizeExecutionEvents`: events of one kind, task and reason as one line with a count (row 35)."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from perdure.service.history import HistoryReader
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.service.views import key_of
from perdure.v1.event_summary_pb2 import EventSummary, SummarizeExecutionEventsResponse

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor

    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.event_summary_pb2 import SummarizeExecutionEventsRequest

MESSAGE_MAX_CHARACTERS: Final = 500

_TASK_FIELDS: Final = ("task_number", "checkpoint_task_number")
_STATE_FIELDS: Final = ("state", "outcome", "cause")
_TEXT_FIELDS: Final = (
    "message",
    "reason",
    "cancel_reason",
    "pause_reason",
    "suspension_result",
    "signal",
    "error_catcher_id",
)


class EventSummaries:
    """Sums up histories."""

    def __init__(self, engine: Engine, names: NameReader, views: Views) -> None:
        self._engine = engine
        self._names = names
        self._views = views
        self._store = engine.environment.store

    async def summarize_execution_events(
        self, request: SummarizeExecutionEventsRequest, _: Call
    ) -> SummarizeExecutionEventsResponse:
        """Sum up the history of an execution; over the limit of an answer, what was last seen long ago is left out."""
        name = self._names.execution(request.name, "name")
        await self._views.extent(name)
        response = SummarizeExecutionEventsResponse(store_revision=self._store.committed_revision())
        summaries: dict[tuple[str, str, str], EventSummary] = {}
        reader = await HistoryReader.open(self._engine, key_of(name), 0)
        async with aclosing(reader.rest()) as events:
            async for event in events:
                _add(summaries, event)
        size = 0
        shown: list[EventSummary] = []
        for summary in reversed(summaries.values()):
            size += summary.ByteSize()
            if shown and size > PAGE_MAX_BYTES:
                break
            shown.append(summary)
        response.event_summaries.extend(reversed(shown))
        return response


def _add(summaries: dict[tuple[str, str, str], EventSummary], event: ExecutionEvent) -> None:
    kind = event.WhichOneof("change")
    if kind is None:
        return
    change = getattr(event, kind)
    key = (kind, _task(change), _reason(change))
    summary = summaries.pop(key, None)
    if summary is None:
        summary = EventSummary(kind=kind, task_number=key[1], reason=key[2])
        summary.first_time.CopyFrom(event.event_time)
    # Behind all others, so that they stay in the order in which they were last seen.
    summaries[key] = summary
    summary.count += 1
    summary.last_time.CopyFrom(event.event_time)
    summary.message = _message(change)[:MESSAGE_MAX_CHARACTERS]


def _task(change: Any) -> str:  # noqa: ANN401 - any kind of change
    fields = change.DESCRIPTOR.fields_by_name
    return next((str(getattr(change, field)) for field in _TASK_FIELDS if field in fields), "")


def _reason(change: Any) -> str:  # noqa: ANN401 - likewise
    fields = change.DESCRIPTOR.fields_by_name
    if "error" in fields and change.error.code:
        return str(change.error.code)
    for field in _STATE_FIELDS:
        if field in fields:
            return _value_name(fields[field].enum_type, getattr(change, field))
    return ""


def _value_name(enum: EnumDescriptor, number: int) -> str:
    """Name a value of an enum without what the names of all its values begin with."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    value = enum.values_by_number.get(number)
    return "" if value is None else value.name.removeprefix(prefix)


def _message(change: Any) -> str:  # noqa: ANN401 - likewise
    """Say what an event tells besides its kind and reason: the message of its error, else a text of its own."""
    fields = change.DESCRIPTOR.fields_by_name
    if "error" in fields and change.error.message:
        return str(change.error.message)
    return next(
        (str(getattr(change, field)) for field in _TEXT_FIELDS if field in fields and getattr(change, field)), ""
    )
