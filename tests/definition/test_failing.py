"""Traced integrations when something fails: catchers, rollback and teardown, in their graphs and in runs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from perdure import (
    App,
    DefinitionError,
    Exponential,
    Fatal,
    Fixed,
    Ignore,
    PermanentError,
    Restart,
    RetryIf,
    Rollback,
    TaskError,
    TracingError,
    catching,
    for_each,
    on_failure,
    parallel,
    teardown,
    timer,
    when,
)
from perdure.codec.integrations import find_faults
from perdure.domain.states import ExecutionState, TaskState
from perdure.v1.task_config_pb2 import FailurePolicy, RollbackConfig
from tests.definition.performing import Performance
from tests.domain.builders import EVALUATOR, plain


@dataclass
class Hold:
    hold_id: str
    count: int


app = App("shop")
undone: list[object] = []


@app.task(retry=Fixed(max_retries=2, interval="1s"), timeout="5s")
def release(sku: str, hold_id: str = "?") -> None:
    undone.append((sku, hold_id))
    if sku == "stuck":
        raise TaskError("STUCK", "cannot be released")


@app.task(rollback=release)
def reserve(sku: str, count: int) -> Hold:
    return Hold(f"hold of {sku}", count)


@app.task
def note(text: str) -> str:
    if text == "bad":
        raise TaskError("BAD_NOTE", "this cannot be noted")
    return text


@app.task
def charge(amount: float) -> float:
    if amount < 0:
        raise PermanentError("less than nothing", code="NEGATIVE")
    return amount


@app.task(retry=Restart(max_retries=1, interval="1s"))
def insist(text: str) -> None: ...


@app.task(retry=Fatal())
def demand(text: str) -> None: ...


@pytest.fixture(autouse=True)
def nothing_undone():
    undone.clear()


def integration(function, **options):
    return App("test").integration(**options)(function)


def perform(function, **inputs):
    return Performance(app, integration(function), **inputs)


def order(amount: float, text: str) -> None:
    note("before")
    with catching() as caught:
        charge(amount)
        note("inside")
    with on_failure(caught) as error:
        note(error.code + " in " + error.task)
        note(text)
    note("after")


# catchers of tasks


def test_what_is_caught_names_its_catcher_and_what_follows_leads_around():
    definition = integration(order).definition
    assert find_faults(definition, EVALUATOR) == []
    assert [(task.task_id, task.error_catcher_id) for task in definition.tasks] == [
        ("note", ""),
        ("charge", "on_failure"),
        ("note_2", "on_failure"),
        ("note_3", ""),
        ("note_4", ""),
        ("note_5", ""),
    ]
    (catcher,) = definition.error_catchers
    assert [start.task_id for start in catcher.start_error_tasks] == ["note_3"]
    edges = {(task.task_id, edge.task_id) for task in definition.tasks for edge in task.next_tasks}
    assert edges == {
        ("note", "charge"),
        ("charge", "note_2"),
        ("note_3", "note_4"),
        ("note", "note_5"),
        ("charge", "note_5"),
        ("note_2", "note_5"),
    }


@pytest.mark.parametrize(
    ("amount", "text", "tasks", "succeeded"),
    [
        (1.0, "sorry", ["note", "charge", "note_2", "note_5"], True),
        (-1.0, "sorry", ["note", "charge", "note_3", "note_4", "note_5"], True),
        (-1.0, "bad", ["note", "charge", "note_3", "note_4"], False),
    ],
)
def test_what_follows_runs_unless_the_catcher_fails_too(amount, text, tasks, succeeded):
    done = perform(order, amount=amount, text=text)
    assert (done.order, done.succeeded) == (tasks, succeeded)


def test_a_catcher_sees_the_failure():
    done = perform(order, amount=-1.0, text="x")
    assert plain(done.run.execution.tasks["note_3"].inputs) == {"text": "NEGATIVE in charge"}


def test_a_caught_block_may_come_first_and_share_its_catcher():
    def traced(amount: float) -> None:
        with catching() as first:
            charge(amount)
        with catching() as second:
            charge(amount)
        with on_failure(first, second, id="comfort"):
            note("sorry")
        note("after")

    definition = integration(traced).definition
    assert [(one.error_catcher_id, len(one.start_error_tasks)) for one in definition.error_catchers] == [("comfort", 1)]
    assert perform(traced, amount=-1.0).order == ["charge", "note", "charge_2", "note_2"]


def test_a_catcher_reads_for_certain_what_was_before_and_asks_for_the_rest():
    def traced(amount: float) -> None:
        before = note("before")
        with catching() as caught:
            inside = note("inside")
            charge(amount)
        with on_failure(caught):
            note(before)
            note(inside)
            with when(inside == "inside"):
                note("it was")

    tasks = {task.task_id: task for task in integration(traced).definition.tasks}
    assert tasks["note_3"].precondition == ""
    assert tasks["note_4"].precondition == "has(tasks.note_2)"
    assert tasks["note_4"].next_tasks[0].condition == ('has(tasks.note_2) && (tasks.note_2.outputs.result == "inside")')
    assert perform(traced, amount=-1.0).order == ["note", "note_2", "charge", "note_3", "note_4", "note_5"]


def test_an_id_that_is_no_identifier_is_asked_for_too():
    def traced(amount: float) -> None:
        with catching() as caught:
            inside = note.with_id("my-note")("inside")
            charge(amount)
        with on_failure(caught):
            note(inside)

    definition = integration(traced).definition
    assert definition.tasks[-1].precondition == '"my-note" in tasks'
    assert perform(traced, amount=-1.0).order == ["my-note", "charge", "note"]


def test_catchers_have_blocks_of_their_own():
    def traced(amount: float) -> None:
        with catching() as caught:
            charge(amount)
        with on_failure(caught) as error, parallel():
            note(error.code)
            note(error.task)

    definition = integration(traced).definition
    assert len(definition.error_catchers[0].start_error_tasks) == 2
    done = perform(traced, amount=-1.0)
    assert done.succeeded
    assert done.order == ["charge", "note", "note_2"]


def test_a_result_of_a_catcher_can_be_returned():
    def traced(amount: float) -> str:
        with catching() as caught:
            charge(amount)
        with on_failure(caught) as error:
            return note(error.message)

    assert perform(traced, amount=-1.0).outputs == {"result": "less than nothing"}


# the catcher of the execution


@pytest.mark.parametrize(("amount", "tasks"), [(1.0, ["charge", "note"]), (-1.0, ["charge", "note_2"])])
def test_a_failed_execution_is_told_of_and_still_fails(amount, tasks):
    def traced(amount: float) -> None:
        paid = charge(amount)
        note("paid")
        with on_failure() as error:
            note(error.message)
            charge(paid)

    definition = integration(traced).definition
    assert definition.error_catcher_id == "on_failure"
    assert definition.tasks[-1].precondition == "has(tasks.charge)"
    done = perform(traced, amount=amount)
    assert done.order == tasks
    assert done.succeeded is (amount > 0)


# teardown


def test_teardown_runs_last_in_its_order_whatever_comes_of_it():
    def traced(amount: float) -> None:
        with teardown() as error:
            note("bad")
            with when(error.code != ""):
                note(error.code)
        paid = charge(amount)
        with teardown():
            charge(paid)

    definition = integration(traced).definition
    assert find_faults(definition, EVALUATOR) == []
    assert [task.task_id for task in definition.tasks] == ["charge"]
    assert [(task.task_id, task.precondition) for task in definition.teardown_tasks] == [
        ("note", ""),
        ("note_2", '(error.code != "")'),
        ("charge_2", "has(tasks.charge)"),
    ]
    done = perform(traced, amount=1.0)
    assert (done.order, done.succeeded) == (["charge", "note", "charge_2"], True)
    done = perform(traced, amount=-1.0)
    assert (done.order, done.succeeded) == (["charge", "note", "note_2"], False)


def test_teardown_calls_integrations_too():
    @app.integration
    def farewell(text: str) -> None:
        note(text)

    def traced(text: str) -> None:
        note(text)
        with teardown():
            farewell(text)

    assert perform(traced, text="x").order == ["note", "farewell"]


# rollback


def test_a_rollback_is_the_other_task_with_its_options():
    def traced(sku: str) -> None:
        reserve(sku, 1)

    (config,) = integration(traced).definition.tasks
    assert config.rollback.task == "release"
    assert config.rollback.timeout.seconds == 5
    assert config.rollback.failure_policy.retry_strategy == FailurePolicy.RETRY_STRATEGY_FIXED_INTERVAL
    assert config.rollback.failure_action == RollbackConfig.FAILURE_ACTION_UNSPECIFIED


def test_a_rollback_may_say_all_of_it_itself():
    shop = App("shop")
    undo = shop.task(name="undo")(release.handler)
    rollback = Rollback(undo, retry=Exponential(3, "1s"), timeout="7s", on_unknown_outcome=True, hold=True)

    @shop.task(rollback=rollback)
    def hold(sku: str) -> Hold:
        return Hold(sku, 1)

    config = hold.options.rollback
    assert config is not None
    assert (config.task, config.timeout.seconds, config.on_unknown_outcome) == ("undo", 7, True)
    assert config.failure_policy.max_retries == 3
    assert config.failure_action == RollbackConfig.FAILURE_ACTION_HOLD


def test_what_was_done_is_undone_backwards_with_its_inputs_and_outputs():
    def traced(amount: float) -> None:
        reserve("a", 1)
        reserve("b", 1)
        charge(amount)

    done = perform(traced, amount=-1.0)
    assert done.order == ["reserve", "reserve_2", "charge", "!reserve_2", "!reserve"]
    assert undone == [("b", "hold of b"), ("a", "hold of a")]
    assert done.state("reserve") is TaskState.ROLLEDBACK
    assert perform(traced, amount=1.0).order == ["reserve", "reserve_2", "charge"]


def test_an_undo_is_tried_again_as_its_task_says():
    def traced(amount: float) -> None:
        reserve("stuck", 1)
        charge(amount)

    done = perform(traced, amount=-1.0)
    assert done.order == ["reserve", "charge", "!reserve", "!reserve", "!reserve"]
    assert done.run.execution_state() is ExecutionState.FAILED


# policies by the failure


def test_a_policy_is_chosen_by_the_failure():
    shop = App("shop")

    @shop.task(
        retry=Fatal(),
        retry_if=[
            RetryIf(lambda error: (error.code == "GONE") | (error.message == "gone"), Ignore()),
            RetryIf(lambda error: error.code == "BUSY", Fixed(1, "1s")),
            RetryIf(lambda error: error.code == "NO", None),
        ],
    )
    def ask(code: str) -> None:
        raise TaskError(code, "")

    @shop.integration
    def traced(code: str) -> None:
        ask(code)

    assert find_faults(traced.definition, EVALUATOR) == []
    assert Performance(shop, traced, code="GONE").succeeded
    assert Performance(shop, traced, code="BUSY").order == ["ask", "ask"]
    assert Performance(shop, traced, code="NO").state("ask") is TaskState.FAILED
    assert Performance(shop, traced, code="ELSE").state("ask") is TaskState.FATAL


# what cannot be recorded


def unhandled(text):
    with catching():
        note(text)


def handled_twice(text):
    with catching() as caught:
        note(text)
    with on_failure(caught):
        note(text)
    with on_failure(caught):
        note(text)


def handled_inside(text):
    with catching() as caught:
        note(text)
        with on_failure(caught):
            note(text)


def handled_elsewhere(text):
    with catching() as caught:
        note(text)
    with when(text == "x"), on_failure(caught):
        note(text)


def handled_by_nothing(text):
    with catching() as caught:
        note(text)
    with on_failure(caught):
        pass


def caught_nothing(text):
    with catching():
        pass


def caught_in_a_catcher(text):
    note(text)
    with on_failure(), catching():
        note(text)


def used_outside(text):
    with catching() as caught:
        inside = note(text)
    with on_failure(caught):
        note(text)
    note(inside)


def catcher_used_outside(text):
    with catching() as caught:
        note(text)
    with on_failure(caught):
        inside = note(text)
    note(inside)


def failure_used_outside(text):
    with catching() as caught:
        note(text)
    with on_failure(caught) as error:
        note(text)
    note(error.code)


def failure_of_another(text):
    note(text)
    with on_failure() as error:
        note(text)
    with teardown():
        note(error.code)


def whole_twice(text):
    note(text)
    with on_failure():
        note(text)
    with on_failure():
        note(text)


def whole_in_a_block(text):
    with parallel(), on_failure():
        note(text)


def teardown_in_a_block(text):
    with when(text == "x"), teardown():
        note(text)


def teardown_that_waits(text):
    note(text)
    with teardown():
        timer("1s")


def teardown_side_by_side(text):
    note(text)
    with teardown(), parallel():
        note(text)


def fatal_teardown(text):
    with teardown():
        demand(text)


def undone_teardown(text):
    with teardown():
        reserve(text, 1)


def restart_in_a_catcher(text):
    with on_failure():
        insist(text)


def loop_that_is_undone(text):
    for_each(reserve, [text], count=1)


def named_wrongly(text):
    with catching() as caught:
        note(text)
    with on_failure(caught, id="a b"):
        note(text)


def not_caught(text):
    with on_failure(note):  # type: ignore[arg-type]
        note(text)


@pytest.mark.parametrize(
    ("function", "line", "part"),
    [
        (unhandled, 1, "nothing handles what is caught here"),
        (handled_twice, 5, "handles this already"),
        (handled_inside, 3, "stands after its catching"),
        (handled_elsewhere, 3, "side by side with it"),
        (handled_by_nothing, 3, "calls no task"),
        (caught_nothing, 1, "calls no task whose failure"),
        (caught_in_a_catcher, 2, "is not caught itself"),
        (used_outside, 5, "note may not have run"),
        (catcher_used_outside, 5, "note_2 runs only in its on_failure"),
        (failure_used_outside, 5, "belongs to another integration or on_failure block"),
        (failure_of_another, 5, "belongs to another integration or on_failure block"),
        (whole_twice, 4, "of the execution already"),
        (whole_in_a_block, 1, "it stands in no other block"),
        (teardown_in_a_block, 1, "it stands in no other block"),
        (teardown_that_waits, 3, "timer cannot be used in a teardown task"),
        (teardown_side_by_side, 2, "one after another"),
        (fatal_teardown, 2, "FATAL cannot be used in a teardown task"),
        (undone_teardown, 2, "rollback a teardown task is not undone"),
        (restart_in_a_catcher, 2, "RESTART_INTEGRATION_WITH_BACKOFF cannot be used in an on_failure block"),
        (loop_that_is_undone, 1, "reserve has rollback="),
        (named_wrongly, 3, "cannot be the id of a task or on_failure block"),
        (not_caught, 1, "name what is handled"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_its_place(function, line, part):
    def traced(text: str) -> None:
        function(text)

    with pytest.raises(TracingError) as caught:
        assert integration(traced).definition
    assert part in str(caught.value)
    assert (caught.value.filename, caught.value.line) == (__file__, function.__code__.co_firstlineno + line)


def undo_of_more(sku: str, colour: str) -> None: ...


def undo_of_outputs(hold_id: str) -> None: ...


@pytest.mark.parametrize(
    ("undo", "options", "part"),
    [
        (undo_of_more, {}, "nothing is given for colour; its inputs are sku, its outputs are hold_id, count"),
        (undo_of_outputs, {"on_unknown_outcome": True}, "give hold_id a default"),
        (release.handler, {"retry": Ignore()}, "Ignore says nothing about an undo"),
        (release.handler, {"timeout": "soon"}, "no length of time"),
    ],
)
def test_a_rollback_that_cannot_be_is_refused_at_once(undo, options, part):
    shop = App("shop")
    task = shop.task(name="undo")(undo)

    def hold(sku: str) -> Hold:
        return Hold(sku, 1)

    with pytest.raises(DefinitionError, match=part):
        shop.task(rollback=Rollback(task, **options))(hold)


def test_a_rollback_is_a_task_of_the_same_app():
    def hold(sku: str) -> None: ...

    with pytest.raises(DefinitionError, match="is no task of the app other"):
        App("other").task(rollback=release)(hold)
    with pytest.raises(DefinitionError, match="name a task, as in rollback=release"):
        App("other").task(rollback=hold)(hold)  # type: ignore[call-overload]


@pytest.mark.parametrize("condition", [lambda _: True, lambda _: None])
def test_a_condition_that_says_nothing_about_the_failure_is_refused(condition):
    with pytest.raises(DefinitionError, match="says nothing about the failure"):
        App("other").task(retry_if=[RetryIf(condition, Ignore())])
