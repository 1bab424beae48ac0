"""Four executions of three kinds whose commits interleave, and watches of them; written by hand.

| store revision | what the commit holds |
|---|---|
| 1 | A is created, PENDING, with the label team=red |
| 2 | A: PROCESSING, and its task `pay` starts |
| 3 | B is created with the label team=blue, and C below A; both PENDING |
| 4 | B: PROCESSING |
| 5 | A: `pay` waits for its second attempt |
| 6 | C: PROCESSING, and its task `pay` starts |
| 7 | B: FAILED with the code BUSY |
| 8 | A: `pay` goes on |
| 9 | C: `pay` has succeeded, SUCCEEDED |
| 10 | D is created below A as an orphan, PENDING |
| 11 | A: `pay` has succeeded, SUCCEEDED |
| 12 | D: CANCELLED |
"""

import itertools
from collections import defaultdict
from typing import NamedTuple

from perdure.testing.checker import check
from perdure.testing.logs import History, Logs, StreamMessage
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchExecutionsRequest, WatchResponse
from tests.testing.recorded_run import PROPERTIES, STATE, TASK, opened, wire

OF_STREAMS = {"I11", "I12", "I13", "I14", "I16", "I17"}
"""The invariants about streams that have numbers."""

LOCATION = "projects/default/locations/local"
ALL = f"{LOCATION}/integrations/-"
ORDERS = f"{LOCATION}/integrations/orders"
A = f"{ORDERS}/executions/a"
B = f"{LOCATION}/integrations/bills/executions/b"
C = f"{LOCATION}/integrations/parts/executions/c"
D = f"{LOCATION}/integrations/parts/executions/d"
START = 1_767_225_600_000_000


def created(labels=(), parent="", orphan=False):
    change = ExecutionEvent.Created(
        state=STATE.PENDING,
        execution_method=Execution.POST_TO_QUEUE,
        integration_revision_id="000001-abc",
        labels=dict(labels),
        parent=parent,
        root="" if orphan else parent,
        orphan=orphan,
    )
    return {"created": change}


def enters(state, code=""):
    change = ExecutionEvent.StateChange(state=state, execution_attempt=1)
    if code:
        change.error.code = code
    return {"state_change": change}


def pay(state, attempt=1):
    change = ExecutionEvent.TaskChange(task_number="pay", task="pay", state=state, attempt=attempt, execution_attempt=1)
    return {"task_change": change}


COMMITS = (
    [(A, created({"team": "red"}))],
    [(A, enters(STATE.PROCESSING)), (A, pay(TASK.IN_PROCESS))],
    [(B, created({"team": "blue"})), (C, created(parent=A))],
    [(B, enters(STATE.PROCESSING))],
    [(A, pay(TASK.RETRY_ON_HOLD))],
    [(C, enters(STATE.PROCESSING)), (C, pay(TASK.IN_PROCESS))],
    [(B, enters(STATE.FAILED, "BUSY"))],
    [(A, pay(TASK.IN_PROCESS, 2))],
    [(C, pay(TASK.SUCCEED)), (C, enters(STATE.SUCCEEDED))],
    [(D, created(parent=A, orphan=True))],
    [(A, pay(TASK.SUCCEED, 2)), (A, enters(STATE.SUCCEEDED))],
    [(D, enters(STATE.CANCELLED, "EXECUTION_CANCELLED"))],
)
NEWEST = len(COMMITS)


def all_events():
    """All events, with the commits in their order."""
    sequences: defaultdict[str, int] = defaultdict(int)
    for revision, commit in enumerate(COMMITS, 1):
        for name, change in commit:
            sequences[name] += 1
            event = ExecutionEvent(execution=name, sequence=sequences[name], store_revision=revision, **change)
            event.event_time.FromMicroseconds(START + 1_000 * revision)
            yield event


EVENTS = tuple(all_events())


def last_look():
    """The histories."""
    for name in (A, B, C, D):
        yield History(name, tuple(wire(event) for event in EVENTS if event.execution == name))


def left(name, revision, state):
    """The event that stands for a commit after which an execution does not match any more."""
    commit = [event for event in EVENTS if event.execution == name and event.store_revision == revision]
    event = ExecutionEvent(execution=name, sequence=commit[-1].sequence, store_revision=revision)
    event.event_time.CopyFrom(commit[-1].event_time)
    event.left_filter.state = state
    return event


def of(*revisions, only=(A, B, C, D)):
    """The events of some commits."""
    return [event for event in EVENTS if event.store_revision in revisions and event.execution in only]


class Watched(NamedTuple):
    """A watch of many executions, and what it has to tell."""

    parent: str
    filter: str
    below: bool
    told: list[ExecutionEvent]


WATCHES = {
    "all": Watched(ALL, "", False, list(EVENTS)),
    "integration": Watched(ORDERS, "", False, of(1, 2, 5, 8, 11)),
    "integration and below": Watched(ORDERS, "", True, of(1, 2, 3, 5, 6, 8, 9, 11, only=(A, C))),
    "tree": Watched(A, "", False, of(1, 2, 3, 5, 6, 8, 9, 11, only=(A, C))),
    "state": Watched(
        ALL,
        "state = PROCESSING",
        False,
        [
            *of(2, 4, 5, 6),
            left(B, 7, STATE.FAILED),
            *of(8),
            left(C, 9, STATE.SUCCEEDED),
            left(A, 11, STATE.SUCCEEDED),
        ],
    ),
    "label": Watched(ALL, "labels.team = red", False, of(1, 2, 5, 8, 11)),
    "live or failed": Watched(
        ALL,
        "error.code = BUSY OR NOT end_time:*",
        False,
        [
            *of(1, 2, 3, 4, 5, 6, 7, 8),
            left(C, 9, STATE.SUCCEEDED),
            *of(10),
            left(A, 11, STATE.SUCCEEDED),
            left(D, 12, STATE.CANCELLED),
        ],
    ),
    "task": Watched(ALL, "current_task = pay", False, of(2, 5, 6, 8, 9, 11)),
    "tree and state": Watched(
        A,
        "state = PENDING",
        False,
        [*of(1), left(A, 2, STATE.PROCESSING), *of(3, only=(C,)), left(C, 6, STATE.PROCESSING)],
    ),
}


def request_of(watched, cursor=""):
    request = WatchExecutionsRequest(
        parent=watched.parent, filter=watched.filter, include_sub_executions=watched.below, cursor=cursor
    )
    if not cursor:
        request.ClearField("cursor")
        request.from_beginning = True
    return request


def events_message(stream, at, events, complete):
    """A message that says that everything up to a store revision has come."""
    message = WatchResponse(store_revision=complete, cursor=f"{stream}@{at}")
    message.events.events.extend(events)
    return StreamMessage(stream, at, wire(message))


def mark(kind, stream, at, revision):
    """A message of a kind that has no content."""
    message = WatchResponse(store_revision=revision, cursor=f"{stream}@{at}")
    getattr(message, kind).SetInParent()
    return StreamMessage(stream, at, wire(message))


def complete_before(told, index):
    """The store revision that a message is complete up to which ends before an event: cut anywhere."""
    if index == len(told):
        return NEWEST
    return told[index].store_revision - 1


def recorded(watched, told, cuts, streams=()):
    """The records of a watch.

    Args:
        watched: What is watched.
        told: The events that come.
        cuts: Where one message ends and the next begins, as indexes of `told`.
        streams: Where one stream ends and the next begins: a selection of the cuts.
    """
    bounds = [0, *sorted(set(cuts) | set(streams)), len(told)]
    name, at = "s1", 100
    records = [opened(name, "w", request_of(watched), at)]
    for first, end in itertools.pairwise(bounds):
        if first in streams:
            cursor = WatchResponse.FromString(records[-1].message).cursor
            name = f"s{first + 2}"
            records.append(opened(name, "w", request_of(watched, cursor), at + 1))
        if first == end:
            continue
        at += 10
        records.append(events_message(name, at, told[first:end], complete_before(told, end)))
    return records


def broken(records):
    """The promises about watches that records are found to break, beside the histories."""
    violations = check(Logs((*records, *last_look())))
    return {violation.invariant for violation in violations} & (PROPERTIES | OF_STREAMS)
