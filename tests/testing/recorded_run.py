"""A small run that breaks no promise, written by hand: two executions, a restart of the server, a resumed watch.

`good_run` returns its records. Tests change them to see the checker object.
"""

import dataclasses
import itertools

from perdure.testing.logs import (
    Defined,
    Fault,
    Got,
    History,
    Listed,
    Operation,
    Outcome,
    RunBegan,
    RunEnded,
    StreamEnded,
    StreamMessage,
    StreamOpened,
)
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ExecuteRequest,
    ExecuteResponse,
    GetExecutionRequest,
    WatchExecutionRequest,
    WatchResponse,
)
from perdure.v1.integration_pb2 import IntegrationRevision
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import SignalExecutionRequest, SignalExecutionResponse

PROPERTIES = {"ordered", "unique", "reliable", "atomic", "resumable", "bookmarkable", "filterable", "latest"}
"""The invariants about watches that have names."""

INTEGRATION = "projects/default/locations/local/integrations/orders"
REVISION = "000001"
"""That of the executions whose integration is told."""
ONE = f"{INTEGRATION}/executions/one"
TWO = f"{INTEGRATION}/executions/two"
STATE = ExecutionDetails.State
TASK = TaskExecutionDetails.TaskExecutionState
START = 1_767_225_600_000_000


def wire(message):
    return message.SerializeToString(deterministic=True)


class Story:
    """The events of one execution, one store revision each, a millisecond apart."""

    def __init__(self, name, first_revision, **inputs):
        self.name = name
        self.inputs = inputs
        self.events = []
        self.revision = first_revision
        created = self.add().created
        created.state = STATE.PENDING
        created.execution_method = Execution.POST_TO_QUEUE
        for key, value in inputs.items():
            created.request_parameters[key].string_value = value

    def add(self):
        event = ExecutionEvent(
            execution=self.name,
            integration=INTEGRATION,
            sequence=len(self.events) + 1,
            store_revision=self.revision,
        )
        event.event_time.FromMicroseconds(START + 1_000 * len(self.events))
        self.revision += 1
        self.events.append(event)
        return event

    def state(self, state):
        self.add().state_change.MergeFrom(ExecutionEvent.StateChange(state=state, execution_attempt=1))

    def task(self, state, attempt, worker=""):
        change = ExecutionEvent.TaskChange(
            task_number="pay", task="charge", state=state, attempt=attempt, execution_attempt=1, worker=worker
        )
        if state == TASK.RETRY_ON_HOLD:
            change.error.code = "BUSY"
        self.add().task_change.MergeFrom(change)

    def step(self, task, state, attempt):
        """A task, of any name, that no worker is told of comes into a state."""
        self.add().task_change.MergeFrom(
            ExecutionEvent.TaskChange(task_number=task, state=state, attempt=attempt, execution_attempt=1)
        )

    def seen_at(self, sequence):
        """The execution as Get shows it after an event."""
        events = self.events[:sequence]
        changes = [event.state_change for event in events if event.HasField("state_change")]
        execution = Execution(name=self.name, execution_method=Execution.POST_TO_QUEUE)
        execution.execution_details.state = changes[-1].state if changes else STATE.PENDING
        execution.store_revision = events[-1].store_revision
        execution.create_time.CopyFrom(events[0].event_time)
        execution.update_time.CopyFrom(events[-1].event_time)
        for key, value in self.inputs.items():
            execution.request_parameters[key].string_value = value
        if execution.execution_details.state in (STATE.SUCCEEDED, STATE.CANCELLED):
            execution.start_time.CopyFrom(events[1].event_time)
            execution.end_time.CopyFrom(events[-1].event_time)
        for event in events:
            if event.HasField("cancel_requested"):
                execution.cancel_reason = event.cancel_requested.cancel_reason
        return execution


def first_story():
    story = Story(ONE, 1, order="a")
    story.state(STATE.PROCESSING)
    story.task(TASK.IN_PROCESS, 1)
    story.task(TASK.RETRY_ON_HOLD, 1, worker="w")
    story.task(TASK.IN_PROCESS, 2)
    story.task(TASK.SUCCEED, 2, worker="w")
    story.state(STATE.SUCCEEDED)
    return story


def second_story():
    story = Story(TWO, 100, order="b")
    story.state(STATE.PROCESSING)
    story.task(TASK.IN_PROCESS, 1)
    story.add().cancel_requested.cancel_reason = "no longer wanted"
    story.task(TASK.CANCELLED, 1)
    story.state(STATE.CANCELLED)
    return story


def defined(**tasks):
    """What an execution is made from: tasks one after another, each `"undoable"`, `"waiting"`, `"tidy"` or `"plain"`.

    What tidies is a task of the teardown, and what waits does so for the signal `paid`.
    """
    revision = IntegrationRevision(name=f"{INTEGRATION}/revisions/{REVISION}")
    integration = revision.integration
    for name, kind in tasks.items():
        task = (integration.teardown_tasks if kind == "tidy" else integration.tasks).add(task_id=name)
        if kind == "undoable":
            task.rollback.task = "undo"
        elif kind == "waiting":
            task.callback.signal = "paid"
    for task, following in itertools.pairwise(integration.tasks):
        task.next_tasks.add(task_id=following.task_id)
    return Defined(wire(revision))


def told_story():
    """An execution that begins, of the integration that `defined` tells."""
    story = Story(f"{INTEGRATION}/executions/told", 300, order="d")
    story.events[0].created.integration_revision_id = REVISION
    story.state(STATE.PROCESSING)
    return story


def saga_story(*undone, pending=("book", "ship"), outcome="COMPLETE"):
    """An execution of two tasks, one after the other, that are undone in an order; those with a `!` cannot be."""
    story = told_story()
    for task in ("book", "ship"):
        story.step(task, TASK.IN_PROCESS, 1)
        story.step(task, TASK.SUCCEED, 1)
    story.add().outcome_change.state = STATE.FAILED
    if pending:
        rollback = story.add().rollback_change
        rollback.outcome = ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS
        rollback.pending_tasks.extend(pending)
    for task in undone:
        story.step(task.strip("!"), TASK.ROLLBACK_IN_PROCESS, 2)
        story.step(task.strip("!"), TASK.ROLLEDBACK, 2)
        if "!" in task:
            story.events[-1].task_change.error.code = "STUCK"
    if pending:
        rollback = story.add().rollback_change
        rollback.outcome = ExecutionDetails.Rollback.Outcome.Value(f"OUTCOME_{outcome}")
        rollback.not_undone_tasks.extend(task.strip("!") for task in undone if "!" in task)
    story.state(STATE.FAILED)
    return story


def torn_down_story(*tasks):
    """An execution whose teardown tasks run in an order, and that ends then."""
    story = told_story()
    for task in tasks:
        story.step(task, TASK.IN_PROCESS, 1)
        story.step(task, TASK.FAILED, 1)
    story.state(STATE.SUCCEEDED)
    return story


def waiting_story(*, takes):
    """An execution to which a signal comes while a task waits for it."""
    story = told_story()
    story.step("pay", TASK.IN_PROCESS, 1)
    wait = ExecutionEvent.SuspensionChange(task_number="pay", state=Suspension.RESOLUTION_STATE_PENDING)
    story.add().suspension_change.MergeFrom(wait)
    story.add().signal_change.MergeFrom(ExecutionEvent.SignalChange(signal="paid", signal_id="one"))
    if takes:
        # In the same commit.
        story.revision -= 1
        story.add().signal_change.MergeFrom(ExecutionEvent.SignalChange(signal="paid", task_number="pay"))
        wait.state = Suspension.RESOLUTION_STATE_LIFTED
        story.add().suspension_change.MergeFrom(wait)
        story.step("pay", TASK.SUCCEED, 1)
    story.state(STATE.SUCCEEDED)
    return story


def signalled(name, signal_id, began):
    """A signal that was acknowledged."""
    request = SignalExecutionRequest(name=name, signal="paid", signal_id=signal_id)
    response = wire(SignalExecutionResponse(store_revision=1))
    return Operation("load", "SignalExecution", began, began + 10, Outcome.OK, "OK", "", (), wire(request), response)


def undone_story(*, done=True, outcome=STATE.FAILED, undone=1, told=()):
    """An execution whose one task is undone, as far as it is told right."""
    story = Story(f"{INTEGRATION}/executions/undone", 300, order="d")
    story.state(STATE.PROCESSING)
    story.task(TASK.IN_PROCESS, 1)
    story.task(TASK.SUCCEED if done else TASK.FAILED, 1)
    story.add().outcome_change.state = outcome
    rollback = story.add().rollback_change
    rollback.outcome = ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS
    rollback.pending_tasks.append("pay")
    story.task(TASK.ROLLBACK_IN_PROCESS, 2)
    for _ in range(undone):
        story.task(TASK.ROLLEDBACK, 2)
    if told:
        story.events[-1].task_change.error.code = told
    story.add().rollback_change.outcome = ExecutionDetails.Rollback.OUTCOME_COMPLETE
    story.state(outcome)
    return story


def signalled_story(*tasks, ids=("one",)):
    """An execution to which signals come and of which tasks take them."""
    story = Story(f"{INTEGRATION}/executions/signalled", 300, order="d")
    story.state(STATE.PROCESSING)
    for signal_id in ids:
        story.add().signal_change.MergeFrom(ExecutionEvent.SignalChange(signal="paid", signal_id=signal_id))
    for task in tasks:
        story.add().signal_change.MergeFrom(ExecutionEvent.SignalChange(signal="paid", task_number=task))
    story.state(STATE.SUCCEEDED)
    return story


def execute(order, request_id, began, outcome, *executions, code="OK", reason=""):
    request = ExecuteRequest(name=INTEGRATION, request_id=request_id, execution_method=Execution.POST_TO_QUEUE)
    request.input_parameters["order"].string_value = order
    response = wire(ExecuteResponse(executions=executions)) if code == "OK" else b""
    return Operation(
        "load", "Execute", began, began + 10, outcome, code, reason, tuple(executions), wire(request), response
    )


def read(rpc, request, began, execution):
    return Operation(
        "load", rpc, began, began + 10, Outcome.OK, "OK", "", (execution.name,), wire(request), wire(execution)
    )


def get(began, execution):
    return read("GetExecution", GetExecutionRequest(name=execution.name), began, execution)


def opened(stream, watcher, request, at):
    rpc = "WatchExecution" if isinstance(request, WatchExecutionRequest) else "WatchExecutions"
    return StreamOpened(stream, watcher, rpc, wire(request), at)


def watch_of(name, after=None):
    """Asks for all that happens to an execution: from the beginning, or behind a message."""
    if after is None:
        return WatchExecutionRequest(name=name, from_beginning=True)
    return WatchExecutionRequest(name=name, cursor=cursor_of(after))


def cursor_of(message):
    """The cursor that a message came with."""
    return WatchResponse.FromString(message.message).cursor


def message(stream, at, *events):
    response = WatchResponse(store_revision=events[-1].store_revision, cursor=f"{stream}@{at}")
    response.events.events.extend(events)
    return StreamMessage(stream, at, wire(response))


def mark(kind, stream, at, revision):
    """A message of a kind that has no content: progress, synced, reset, going_away."""
    response = WatchResponse(store_revision=revision, cursor=f"{stream}@{at}")
    getattr(response, kind).SetInParent()
    return StreamMessage(stream, at, wire(response))


def progress(stream, at, revision):
    return mark("progress", stream, at, revision)


def run(name, attempt, at, *, succeeded):
    yield RunBegan(name, "default/one/pay", ONE, "pay", 1, attempt, "charge", at)
    if succeeded is not None:
        yield RunEnded(name, at + 5, succeeded)


def last_look(story):
    execution = story.seen_at(len(story.events))
    return [
        Listed(wire(execution)),
        Got(story.name, "OK", wire(execution)),
        History(story.name, tuple(wire(event) for event in story.events)),
    ]


def good_run():
    """All records, in the order in which they would be written."""
    one, two = first_story(), second_story()
    cancel = CancelExecutionRequest(name=TWO, cancel_reason="no longer wanted")
    fourth = message("s1", 120, *one.events[2:4])
    return [
        execute("a", "request-a", 100, Outcome.UNKNOWN, code="UNAVAILABLE"),
        opened("s1", "w", watch_of(ONE), 105),
        message("s1", 110, *one.events[:2]),
        progress("s1", 115, one.events[1].store_revision),
        fourth,
        *run("r1", 1, 112, succeeded=False),
        StreamEnded("s1", 130, "UNAVAILABLE", ""),
        get(131, one.seen_at(4)),
        *run("r2", 2, 140, succeeded=None),
        Fault("server killed", 150, 160),
        execute("a", "request-a", 170, Outcome.OK, ONE),
        opened("s2", "w", watch_of(ONE, fourth), 175),
        *run("r3", 2, 180, succeeded=True),
        message("s2", 190, *one.events[4:]),
        StreamEnded("s2", 195, "OK", ""),
        get(200, one.seen_at(7)),
        execute("b", "request-b", 210, Outcome.OK, TWO),
        get(230, two.seen_at(3)),
        read("CancelExecution", cancel, 250, two.seen_at(5)),
        read("CancelExecution", cancel, 270, two.seen_at(6)),
        execute("c", "request-c", 290, Outcome.REFUSED, code="INVALID_ARGUMENT", reason="INVALID_FIELD"),
        execute("d", "request-d", 310, Outcome.UNKNOWN, code="UNAVAILABLE"),
        *last_look(one),
        *last_look(two),
    ]


def index_of(records, kind, number=0):
    """Where the n-th record of a kind is; negative numbers count from the end."""
    return [index for index, record in enumerate(records) if isinstance(record, kind)][number]


def altered(records, kind, number, change):
    """The records with the message of one of them changed in place by a function."""
    index = index_of(records, kind, number)
    record = records[index]
    name, parsed = ("message", WatchResponse()) if kind is StreamMessage else ("execution", Execution())
    parsed.ParseFromString(getattr(record, name))
    change(parsed)
    return [*records[:index], dataclasses.replace(record, **{name: wire(parsed)}), *records[index + 1 :]]


def replaced(records, kind, number, **fields):
    """The records with fields of one of them replaced."""
    index = index_of(records, kind, number)
    return [*records[:index], dataclasses.replace(records[index], **fields), *records[index + 1 :]]
