"""Where the time of executions and tasks went, up to their end or until now."""

from hypothesis import given

from perdure.codec.usage import execution_usage, put_usage, task_usage
from perdure.domain import events as ev
from perdure.domain.execution import Usage
from perdure.domain.integration import TaskConfig
from perdure.domain.states import ExecutionState, Failure, TaskState
from perdure.domain.task import Attempt, TaskRun, UndoRun
from perdure.v1.execution_pb2 import ResourceUsage
from tests.codec.histories import Step, fold, histories
from tests.codec.orders import SECOND, folded, make_created

FAILURE = Failure("BUSY", "try again")


def _run(*attempts: Attempt, **changes: object) -> TaskRun:
    facts: dict[str, object] = {"config": TaskConfig("t", "h"), "attempts": list(attempts), **changes}
    return TaskRun(**facts)  # type: ignore[arg-type]  # every value has its field's type


def test_attempts_are_active_and_the_time_between_them_is_that_of_retries():
    run = _run(Attempt(10, 15), Attempt(35, 42))
    assert task_usage(run, 100) == Usage(active=12, waiting=0, retrying=20)


def test_an_attempt_at_work_counts_until_now():
    assert task_usage(_run(Attempt(10), state=TaskState.IN_PROCESS), 14) == Usage(active=4)


def test_a_retry_to_come_counts_as_waiting_for_it_until_now():
    run = _run(Attempt(10, 15), Attempt(90), state=TaskState.RETRY_ON_HOLD)
    assert task_usage(run, 40) == Usage(active=5, retrying=25)


def test_what_a_task_was_suspended_is_no_time_at_work():
    over = _run(Attempt(10, 60), suspended=30, state=TaskState.SUCCEED)
    assert task_usage(over, 100) == Usage(active=20, waiting=30)
    under_way = _run(Attempt(10), suspended=30, since=50, state=TaskState.SUSPENDED)
    assert task_usage(under_way, 70) == Usage(active=10, waiting=50)


def test_the_attempts_to_undo_a_task_count_too():
    run = _run(Attempt(10, 15), undo=UndoRun(attempts=[Attempt(50, 52), Attempt(60, 61)]))
    assert task_usage(run, 100) == Usage(active=8, retrying=8)


def test_an_execution_has_spent_the_time_since_its_last_event_as_it_is_now():
    begin = (make_created(), ev.ExecutionStarted())
    assert execution_usage(folded(*begin), 9 * SECOND) == Usage(waiting=8 * SECOND)
    at_work = (*begin, ev.TaskStarted("reserve", {}))
    assert execution_usage(folded(*at_work), 9 * SECOND) == Usage(active=6 * SECOND, waiting=2 * SECOND)
    failed = ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.RETRY, 50 * SECOND)
    on_hold = folded(*at_work, failed, ev.ExecutionStateChanged(ExecutionState.RETRY_ON_HOLD))
    assert execution_usage(on_hold, 9 * SECOND) == Usage(active=SECOND, waiting=3 * SECOND, retrying=4 * SECOND)


def test_an_execution_that_undoes_a_task_is_at_work():
    begin = (make_created(), ev.ExecutionStarted(), ev.TaskStarted("reserve", {}), ev.TaskSucceeded("reserve", 1))
    ends = (*begin, ev.OutcomeDecided(ExecutionState.FAILED, FAILURE), ev.RollbackStarted(("reserve",)))
    undoes = folded(*ends, ev.UndoStarted("reserve", 2))
    before = execution_usage(undoes, undoes.update_time)
    now = undoes.update_time + 5 * SECOND
    assert execution_usage(undoes, now).active == before.active + 5 * SECOND
    held = folded(
        *ends, ev.UndoStarted("reserve", 2), ev.UndoAttemptFailed("reserve", 2, FAILURE, ev.UndoResolution.HOLD)
    )
    before = execution_usage(held, held.update_time)
    assert execution_usage(held, held.update_time + 5 * SECOND).waiting == before.waiting + 5 * SECOND


@given(histories())
def test_looking_at_the_usage_changes_nothing_and_adds_up_to_the_age(history: list[Step]):
    execution = fold(history)
    before = (execution.usage.active, execution.usage.waiting, execution.usage.retrying)
    now = execution.update_time + 5
    usage = execution_usage(execution, now)
    assert (execution.usage.active, execution.usage.waiting, execution.usage.retrying) == before
    age = (execution.update_time if execution.is_terminal else now) - execution.create_time
    assert usage.active + usage.waiting + usage.retrying == age


def test_the_share_of_the_active_time_is_told_in_percent():
    shown = ResourceUsage()
    put_usage(Usage(active=1_000_000, waiting=1_500_000, retrying=500_000), shown)
    assert shown.active_share == 33
    assert shown.active_duration.ToMicroseconds() == 1_000_000
    assert shown.waiting_duration.ToMicroseconds() == 1_500_000
    assert shown.retry_duration.ToMicroseconds() == 500_000
    nothing = ResourceUsage()
    put_usage(Usage(), nothing)
    assert nothing.active_share == 0
