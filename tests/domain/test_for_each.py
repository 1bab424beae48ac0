"""The built-in `for-each` (rows 62, 63; decision 12), as far as the parent's rules go."""

from typing import Any

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.integration import (
    IMPLICIT_ITEM_TASK,
    Expression,
    FailurePolicy,
    ForEach,
    RetryStrategy,
    SubIntegration,
    implicit_integration,
)
from perdure.domain.limits import FAN_OUT_MAX_ITEMS, SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import Run, both_ways, integration, plain, task, when

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=5 * SECOND))
OVER_HANDLER = ForEach(items="params.list", item_parameter="x", index_parameter="i", handler="work")
OVER_INTEGRATION = ForEach(items="params.list", item_parameter="x", target=SubIntegration("other"))


def loop(built_in: ForEach = OVER_HANDLER, items: object = (1, 2, 3), **settings: Any) -> Run:
    config = task(
        "a", when("b", "size(tasks.a.outputs.results) > 1"), built_in=built_in, handler="for-each", **settings
    )
    return Run(config, task("b"), inputs={"list": list(items) if isinstance(items, tuple) else items})


def test_the_items_run_as_sub_executions_and_not_as_attempts():
    run = loop()

    assert run.effects == [ef.RunItems("a", 1, 1)]
    assert run.execution.tasks["a"].sub_job_count == 3
    assert plain(run.execution.tasks["a"].inputs)["items"] == [1, 2, 3]


def test_the_results_come_back_in_the_order_of_the_items():
    run = loop()

    run.items_ended("a", [10, 20, 30])

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}
    assert plain(run.execution.tasks["a"].outputs) == {"results": [10, 20, 30]}
    assert run.execution.tasks["a"].finished_sub_job_count == 3


def test_progress_over_the_items_is_told_in_percent():
    run = loop()

    run.do(cmd.ReportItems("a", 1, 1, finished=2, failed=1))

    progressed = run.execution.tasks["a"]
    assert (progressed.finished_sub_job_count, progressed.failed_sub_job_count, progressed.percent) == (2, 1, 66)


def test_progress_never_goes_back():
    run = loop()
    run.do(cmd.ReportItems("a", 1, 1, finished=2))

    assert run.do(cmd.ReportItems("a", 1, 1, finished=1)) == []


def test_an_item_that_failed_fails_the_loop():
    run = loop()

    run.items_ended("a", [10], failed=1)

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "ITEM_BROKEN"


def test_a_loop_without_items_still_runs_so_that_it_can_end():
    run = loop(items=[])

    assert run.effects == [ef.RunItems("a", 1, 1)]
    run.items_ended("a", [])

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.SKIPPED}


def test_items_that_are_no_list_fail_the_loop():
    run = loop(items="abc")

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "EXPRESSION_FAILED"


def test_more_items_than_allowed_fail_the_loop():
    run = loop(items=[0] * (FAN_OUT_MAX_ITEMS + 1))

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "FAN_OUT_LIMIT"
    assert run.effects == []


def test_a_loop_over_a_handler_is_not_retried_since_its_items_were():
    run = loop(**RETRY)

    run.items_ended("a", [10], failed=1)

    assert run.state("a") is TaskState.FAILED


def test_a_loop_over_a_handler_may_still_be_ignored():
    run = loop(**both_ways(FailurePolicy(RetryStrategy.FATAL)))

    run.items_ended("a", [10], failed=1)

    assert run.state("a") is TaskState.FATAL


def test_a_loop_over_an_integration_is_retried_as_a_whole():
    run = loop(OVER_INTEGRATION, **RETRY)
    run.items_ended("a", [10], failed=1)
    assert run.state("a") is TaskState.RETRY_ON_HOLD

    run.pass_time(5)

    assert run.effects == [ef.RunItems("a", 1, 2)]
    assert run.execution.tasks["a"].finished_sub_job_count == 0
    assert run.execution.tasks["a"].sub_job_count == 3


def test_a_timeout_of_a_loop_over_an_integration_cancels_its_items():
    run = loop(OVER_INTEGRATION, timeout=30 * SECOND)

    run.pass_time(30)

    assert run.effects == [ef.CancelChildren("a", 1, 1)]


def test_the_implicit_graph_of_an_item_has_one_task_with_the_policies_of_the_loop():
    config = task(
        "a",
        built_in=OVER_HANDLER,
        handler="for-each",
        parameters={"rate": Expression("params.rate")},
        timeout=30 * SECOND,
        **RETRY,
    )

    item = implicit_integration(integration(config), config).tasks[IMPLICIT_ITEM_TASK]

    assert item.handler == "work"
    assert (item.timeout, item.failure_policy) == (30 * SECOND, RETRY["failure_policy"])
    assert set(item.parameters) == {"rate", "x", "i"}


def test_an_item_runs_with_its_value_and_its_position():
    config = task("a", built_in=OVER_HANDLER, handler="for-each")
    definition = implicit_integration(integration(config), config)

    run = Run(definition=definition, inputs={"x": "apple", "i": 2}, implicit=True)

    assert plain(run.execution.tasks[IMPLICIT_ITEM_TASK].inputs) == {"x": "apple", "i": 2}
    run.succeed(IMPLICIT_ITEM_TASK, weight=7)
    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert run.outputs() == {"weight": 7}


def test_progress_and_end_of_the_items_are_coarse_events():
    run = loop()
    run.do(cmd.ReportItems("a", 1, 1, finished=3))

    run.items_ended("a", [1, 2, 3])

    assert ev.SubJobsProgressed not in {type(event) for event in run.events}
