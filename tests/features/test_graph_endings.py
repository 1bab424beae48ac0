"""Rows 56 to 58: error catchers, rollback and teardown."""

from perdure import App, PermanentError, teardown, wait_for_signal
from perdure.domain.states import TaskState
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails
from tests.features.feature import feature
from tests.features.observing import deploy, ended, state, task_changes, task_states, until_asked

IN_ROLLBACK = TaskExecutionDetails.ROLLBACK_IN_PROCESS
ROLLEDBACK = TaskExecutionDetails.ROLLEDBACK
INCOMPLETE = ExecutionDetails.Rollback.OUTCOME_INCOMPLETE

app = App("endings")


@app.task
def unbook(room: str) -> None:
    if room == "sealed":
        raise PermanentError("the room is sealed", code="SEALED")


@app.task(rollback=unbook)
def book(room: str) -> str:
    return f"key of {room}"


@app.task
def pay(amount: int) -> int:
    if amount > 100:
        raise PermanentError("the card is refused", code="CARD_REFUSED")
    return amount


@app.task
def sweep() -> None: ...


@app.integration
def stay(room: str, amount: int) -> int:
    book.with_id("first")(room)
    book.with_id("second")(room)
    return pay(amount)


@app.integration
def visit(amount: int) -> None:
    with teardown():
        sweep()
    pay(amount)
    wait_for_signal("leave")


# `pay` fails; the only task of the catcher tells why.
CAUGHT = """
    parameters { key: "why" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    error_catchers { error_catcher_id: "catcher" start_error_tasks { task_id: "explain" } }
    tasks { task_id: "explain"
            assign { assignments { parameter: "why" expression: "error.task + ': ' + error.message" } } }
    tasks { task_id: "pay" task: "pay" parameters { key: "amount" value { expression: "500" } } %s }
"""
WHY = "pay: the card is refused"


def without_catchers_of_tasks(patch):
    patch.setattr("perdure.domain.decide.running.catch", lambda *_: ())


@feature(56, without=without_catchers_of_tasks)
async def test_a_catcher_takes_care_of_the_failure_of_a_task():
    async with local_server(app) as server:
        await deploy(server.client, "caught", CAUGHT % 'error_catcher_id: "catcher"')
        assert (await server.client.execute("caught")).outputs == {"why": WHY}


def without_catchers_of_executions(patch):
    patch.setattr("perdure.domain.decide.outcome.catches", lambda *_: False)
    patch.setattr("perdure.domain.decide.ending.catches", lambda *_: False)


@feature(56, without=without_catchers_of_executions)
async def test_a_catcher_learns_why_the_whole_execution_fails():
    async with local_server(app) as server:
        await deploy(server.client, "caught", (CAUGHT % "") + 'error_catcher_id: "catcher"')
        execution = await server.client.execute("caught", do_not_propagate_error=True)
        shown = await server.client.get(execution.name)
        assert (state(shown), shown.error.code) == ("FAILED", "CARD_REFUSED")
        assert shown.execution_details.execution_snapshots[0].params["why"].string_value == WHY


def without_rollback(patch):
    patch.setattr("perdure.domain.decide.outcome.rolls_back", lambda *_: False)
    patch.setattr("perdure.domain.decide.ending.rolls_back", lambda *_: False)


@feature(57, without=without_rollback)
async def test_what_was_done_is_undone_when_the_execution_fails():
    async with local_server(app) as server:
        execution = (await server.client.start("stay", {"room": "blue", "amount": 500})).name
        assert state(await ended(server.client, execution)) == "FAILED"
        states = await task_states(server.client, execution)
        assert states == {"first": "ROLLEDBACK", "second": "ROLLEDBACK", "pay": "FAILED"}


def without_order(patch):
    patch.setattr(
        "perdure.domain.decide.undoing.ready_to_undo",
        lambda execution: [task for task, _ in execution.in_state(TaskState.PENDING_ROLLBACK)],
    )


@feature(57, without=without_order)
async def test_a_task_is_undone_after_those_that_depend_on_it():
    async with local_server(app) as server:
        execution = (await server.client.start("stay", {"room": "blue", "amount": 500})).name
        await ended(server.client, execution)
        undone = [
            (change.task_number, change.state)
            for change in await task_changes(server.client, execution)
            if change.state in {IN_ROLLBACK, ROLLEDBACK}
        ]
        assert undone == [
            ("second", IN_ROLLBACK),
            ("second", ROLLEDBACK),
            ("first", IN_ROLLBACK),
            ("first", ROLLEDBACK),
        ]


def without_the_truth(patch):
    patch.setattr("perdure.domain.decide.undoable._is_undone", lambda _: True)


@feature(57, without=without_the_truth)
async def test_a_task_that_could_not_be_undone_is_rolled_back_and_named():
    async with local_server(app) as server:
        execution = (await server.client.start("stay", {"room": "sealed", "amount": 500})).name
        shown = (await ended(server.client, execution)).execution_details
        assert shown.rollback.outcome == INCOMPLETE
        assert sorted(shown.rollback.not_undone_tasks) == ["first", "second"]
        assert (await task_states(server.client, execution))["first"] == "ROLLEDBACK"


def without_teardown(patch):
    patch.setattr("perdure.domain.decide.outcome.tears_down", lambda _: False)
    patch.setattr("perdure.domain.decide.ending.tears_down", lambda _: False)


@feature(58, without=without_teardown)
async def test_teardown_runs_after_a_success():
    async with local_server(app) as server:
        execution = (await server.client.start("visit", {"amount": 5})).name
        await server.client.signal(execution, "leave")
        assert state(await ended(server.client, execution)) == "SUCCEEDED"
        assert (await task_states(server.client, execution))["sweep"] == "SUCCEED"


@feature(58, without=without_teardown)
async def test_teardown_runs_after_a_failure():
    async with local_server(app) as server:
        execution = (await server.client.start("visit", {"amount": 500})).name
        assert state(await ended(server.client, execution)) == "FAILED"
        assert (await task_states(server.client, execution))["sweep"] == "SUCCEED"


@feature(58, without=without_teardown)
async def test_teardown_runs_after_a_cancel():
    async with local_server(app) as server:
        execution = (await server.client.start("visit", {"amount": 5})).name
        await until_asked(server.client, execution)
        await server.client.cancel(execution)
        assert state(await ended(server.client, execution)) == "CANCELLED"
        assert (await task_states(server.client, execution))["sweep"] == "SUCCEED"
