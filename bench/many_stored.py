"""Lists and Execute beside a million stored executions, which the store's own writer puts there.

One execution is run for real; the others are copies of it with ids, times, states, labels, triggers and
searchable parameters of their own.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc.aio

from bench.executions import MANY, execute_request
from bench.figures import Figure, Mark
from bench.load import EXECUTE, LoadGenerator
from bench.processes import perdure_server
from perdure.codec.records import decode_events, encode_events
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import (
    Commit,
    EventRecord,
    ExecutionKey,
    ExecutionRow,
    NewExecution,
    Progressed,
)
from perdure.store.sqlite.store import SqliteStore
from perdure.v1 import execution_service_pb2_grpc as rpc
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import ListExecutionsRequest
from perdure.v1.integration_pb2 import Integration
from perdure.v1.integration_service_pb2 import GetIntegrationRequest, UpdateIntegrationRequest
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST: Final = "perdure.v1.ExecutionService/ListExecutions"
LOCATION: Final = "projects/default/locations/local"
FEW: Final = 1_000
INTEGRATIONS: Final = 10
A_MILLISECOND: Final = 1_000
A_DAY: Final = 86_400_000_000

EXECUTIONS_A_COMMIT: Final = 100
COMMITS_AT_ONCE: Final = 100

STATES: Final = (
    *[ExecutionState.SUCCEEDED] * 88,
    *[ExecutionState.FAILED] * 7,
    *[ExecutionState.CANCELLED] * 3,
    *[ExecutionState.PENDING] * 2,
)
"""What the executions came to, in hundredths. Those PENDING are scheduled for a far day."""

FILTERS: Final = {
    "no filter": "",
    "state": "state = FAILED",
    "label": 'labels.customer = "c77"',
    "time range": 'create_time >= "{begin}" AND create_time < "{end}"',
    "trigger": 'trigger_id = "api_trigger/t3"',
    "parameter": 'parameters.order = "o777"',
    "state and label": 'state = SUCCEEDED AND labels.customer = "c77"',
}

QUIET_MARK: Final = Mark(10.0)
LOADED_MARK: Final = Mark(20.0)
RATIO_MARK: Final = Mark(1.2)


class Model(NamedTuple):
    """What the executions are copies of: the row of a real one, and all of its events as one record."""

    row: ExecutionRow
    record: EventRecord


CALLERS: Final = 8
"""Who makes the half load."""

STAGGER_SECONDS: Final = 0.013

LISTS: Final = 400
"""Calls of one list, from which its 99th percentile is taken."""


def many_stored(directory: Path, load: LoadGenerator, *, count: int, seconds: float) -> list[Figure]:
    """Fill a store, list it quiet and at half of its load, and compare Execute with a store that is almost empty."""
    few, many = directory / "few-stored", directory / "many-stored"
    asyncio.run(_fill(few, load, FEW))
    span = asyncio.run(_fill(many, load, count))
    before = _rate(few, load, seconds)
    with perdure_server(many, "in-process") as server:
        figures = list(_lists(server.address, load, span, before / 2))
    beside = _rate(many, load, seconds)
    # The machine is not the same from minute to minute.
    ratio = (before + _rate(few, load, seconds)) / 2 / beside
    figures.append(Figure(f"Execute, {FEW:,} against {count:,} stored", "in-process", ratio, "times", mark=RATIO_MARK))
    return figures


def _rate(data: Path, load: LoadGenerator, seconds: float) -> float:
    """Count the executions a second on a store."""
    with perdure_server(data, "in-process") as server:
        request = execute_request("one", Execution.POST)
        return load.run_for(seconds, server.address, EXECUTE, request, MANY)[0].rate


def _lists(address: str, load: LoadGenerator, span: tuple[str, str], half: float) -> Iterator[Figure]:
    """Take the highest 99th percentile of each filter, over its pages: alone and in one integration, first and last."""
    requests = asyncio.run(_list_requests(address, span))

    def highest(name: str) -> float:
        return max(load.run(LISTS, address, LIST, request, 1).p99 for request in requests[name])

    for name in requests:
        yield Figure(f"list by {name}: highest p99", "", highest(name), "ms", mark=QUIET_MARK)
    with ExitStack() as busy:
        for _ in range(CALLERS):
            # Callers of one program would all call at the same instants.
            execute = execute_request("one", Execution.POST)
            busy.enter_context(load.calls(address, EXECUTE, execute, int(half) // CALLERS))
            time.sleep(STAGGER_SECONDS)
        for name in requests:
            yield Figure(f"list by {name}, at half load: highest p99", "", highest(name), "ms", mark=LOADED_MARK)


async def _list_requests(address: str, span: tuple[str, str]) -> dict[str, list[ListExecutionsRequest]]:
    """Make the requests of each filter: alone and within an integration, for the first page and for the last."""
    begin, end = span
    found: dict[str, list[ListExecutionsRequest]] = {}
    async with grpc.aio.insecure_channel(address) as channel:
        service = rpc.ExecutionServiceStub(channel)
        for name, text in FILTERS.items():
            for integration in ("-", "one-3"):
                parent = f"{LOCATION}/integrations/{integration}"
                chosen = text.format(begin=begin, end=end)
                request = ListExecutionsRequest(parent=parent, filter=chosen, page_size=100)
                found.setdefault(name, []).extend((request, await _last_page(service, request)))
    return found


async def _last_page(service: rpc.ExecutionServiceStub, first: ListExecutionsRequest) -> ListExecutionsRequest:
    """Page to the end in large pages; returns the request for what comes last."""
    request = ListExecutionsRequest()
    request.CopyFrom(first)
    last = request.page_token
    while True:
        request.page_size = 1_000
        page = await service.ListExecutions(request)
        if not page.next_page_token:
            break
        last = request.page_token = page.next_page_token
    request.page_token = last
    request.page_size = first.page_size
    return request


async def _fill(data: Path, load: LoadGenerator, count: int) -> tuple[str, str]:
    """Put so many executions into a new store; returns two instants between which a tenth of them began."""
    with perdure_server(data, "in-process") as server:
        load.run(1, server.address, EXECUTE, execute_request("one", Execution.POST), 1)
        await _deploy_copies(server.address)
    store = await SqliteStore.open(data)
    try:
        model = await _model(store)
        choose = random.Random(7)
        revision = store.committed_revision()
        first_time = model.row.created.create_time - count * A_MILLISECOND
        for begin in range(0, count, EXECUTIONS_A_COMMIT * COMMITS_AT_ONCE):
            pending = []
            for start in range(begin, min(begin + EXECUTIONS_A_COMMIT * COMMITS_AT_ONCE, count), EXECUTIONS_A_COMMIT):
                revision += 1
                numbers = range(start, min(start + EXECUTIONS_A_COMMIT, count))
                pending.append(store.submit(_commit(model, revision, numbers, first_time, choose)))
            await asyncio.gather(*pending)
    finally:
        await store.close()
    return _instant(first_time + count // 2 * A_MILLISECOND), _instant(first_time + count * 6 // 10 * A_MILLISECOND)


async def _deploy_copies(address: str) -> None:
    """Deploy the integration under the other names as well."""
    async with grpc.aio.insecure_channel(address) as channel:
        service = IntegrationServiceStub(channel)
        integration = await service.GetIntegration(GetIntegrationRequest(name=f"{LOCATION}/integrations/one"))
        for number in range(1, INTEGRATIONS):
            copy = Integration(tasks=integration.tasks, parameters=integration.parameters)
            copy.name = f"{integration.name}-{number}"
            await service.UpdateIntegration(UpdateIntegrationRequest(integration=copy, allow_missing=True))


async def _model(store: SqliteStore) -> Model:
    page = await store.list_page(ListQuery(Scope("default"), limit=1))
    found = await store.load(page.rows[0].created.key)
    assert found is not None
    events = [event for record in found.events for event in decode_events(record.payload)[1]]
    payload = encode_events(events, found.row.created.create_time)
    return Model(found.row, EventRecord(found.row.created.key, 1, len(events), payload))


def _commit(model: Model, revision: int, numbers: range, first_time: int, choose: random.Random) -> Commit:
    commit = Commit(revision)
    for number in numbers:
        create_time = first_time + number * A_MILLISECOND
        key = ExecutionKey("default", _uuid7(create_time // 1_000, choose))
        commit.created.append(_new(model.row.created, key, number, create_time))
        commit.progressed.append(_progressed(model.row, key, number, create_time))
        commit.events.append(replace(model.record, key=key))
    return commit


def _new(model: NewExecution, key: ExecutionKey, number: int, create_time: int) -> NewExecution:
    spread = number * 7_919
    return replace(
        model,
        key=key,
        root=key.execution,
        integration=model.integration if number % INTEGRATIONS == 0 else f"one-{number % INTEGRATIONS}",
        create_time=create_time,
        trigger_id=f"api_trigger/t{spread % 19}",
        labels=json.dumps({"customer": f"c{spread % 997}", "stage": "prod"}, separators=(",", ":")),
    )


def _progressed(model: ExecutionRow, key: ExecutionKey, number: int, create_time: int) -> Progressed:
    state = STATES[number * 31 % len(STATES)]
    ended = state in TERMINAL_EXECUTION_STATES
    facts = model.facts._replace(
        state=state,
        update_time=create_time + A_MILLISECOND,
        start_time=create_time if ended else None,
        end_time=create_time + A_MILLISECOND if ended else None,
        error_code=state.name if ended and state is not ExecutionState.SUCCEEDED else None,
        parameters=json.dumps({"order": f"o{number * 7_919 % 9_973}"}, separators=(",", ":")),
    )
    wake_time = None if ended else create_time + 365 * A_DAY
    return Progressed(key, 0, model.sequence, active=False, wake_time=wake_time, facts=facts, summary=model.summary)


def _uuid7(milliseconds: int, choose: random.Random) -> str:
    number = milliseconds << 80 | choose.getrandbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def _instant(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:06d}Z"
