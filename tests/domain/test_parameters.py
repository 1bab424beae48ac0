"""Parameters of an execution (rows 5 to 8): inputs, defaults, mapping of results, outputs."""

from typing import Any

import pytest

from perdure.domain import events as ev
from perdure.domain.integration import (
    Assign,
    Expression,
    FailurePolicy,
    OutputMapping,
    Parameter,
    RetryStrategy,
)
from perdure.domain.limits import PARAMETERS_MAX_BYTES, SECOND
from perdure.domain.states import ExecutionState, TaskState
from perdure.domain.value import ValueKind
from tests.domain.builders import Run, both_ways, integration, plain, task, values, when

IN: dict[str, Any] = {"is_input": True, "is_output": False}
OUT: dict[str, Any] = {"is_input": False, "is_output": True}
IN_OUT: dict[str, Any] = {"is_input": True, "is_output": True}
RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=3, interval=5 * SECOND))


def default(plain_value: object):
    return values({"x": plain_value})["x"]


def test_inputs_are_parameters_from_the_beginning():
    run = Run(task("a"), inputs={"n": 1})

    assert run.parameters() == {"n": 1}


def test_defaults_complete_the_inputs():
    definition = integration(
        task("a"),
        parameters=[Parameter("n", ValueKind.INT, default(5), **IN), Parameter("m", ValueKind.INT, default(6), **IN)],
    )

    run = Run(definition=definition, inputs={"m": 7})

    assert run.parameters() == {"n": 5, "m": 7}
    assert plain(run.execution.created.inputs) == {"m": 7}


def test_only_outputs_are_returned():
    definition = integration(
        task("a", outputs=(OutputMapping("total", "sum"), OutputMapping("note", "note"))),
        parameters=[
            Parameter("n", ValueKind.INT, **IN),
            Parameter("sum", ValueKind.INT, **OUT),
            Parameter("id", ValueKind.STRING, **IN_OUT),
        ],
    )
    run = Run(definition=definition, inputs={"n": 1, "id": "A1"})

    run.succeed("a", total=3, note="seen")

    assert run.outputs() == {"sum": 3, "id": "A1"}
    assert run.parameters() == {"n": 1, "id": "A1", "sum": 3, "note": "seen"}


def test_an_output_that_nothing_set_is_left_out():
    definition = integration(task("a"), parameters=[Parameter("sum", ValueKind.INT, **OUT)])
    run = Run(definition=definition)

    run.succeed("a")

    assert run.outputs() == {}
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_results_that_are_not_mapped_stay_with_the_task():
    run = Run(task("a", "b"), task("b", parameters={"n": Expression("tasks.a.outputs.n")}))

    run.succeed("a", n=4)

    assert run.parameters() == {}
    assert plain(run.execution.tasks["b"].inputs) == {"n": 4}


def test_a_mapped_result_is_there_for_the_next_task():
    run = Run(
        task("a", "b", outputs=(OutputMapping("n", "count"),)), task("b", parameters={"n": Expression("params.count")})
    )

    run.succeed("a", n=4)

    assert plain(run.execution.tasks["b"].inputs) == {"n": 4}
    assert plain(run.event(ev.ParametersChanged).parameters) == {"count": 4}


def test_a_result_that_the_mapping_names_must_be_there():
    run = Run(task("a", outputs=(OutputMapping("n", "count"),), **RETRY))

    run.succeed("a", m=1)

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "OUTPUT_MISSING"
    assert run.execution.failure is not None
    assert "no output n" in run.execution.failure.message


def test_a_result_is_converted_to_the_declared_type_where_nothing_is_lost():
    definition = integration(
        task("a", outputs=(OutputMapping("x", "ratio"),)), parameters=[Parameter("ratio", ValueKind.DOUBLE, **OUT)]
    )
    run = Run(definition=definition)

    run.succeed("a", x=2)

    assert run.execution.outputs["ratio"].kind is ValueKind.DOUBLE


def test_a_result_that_does_not_fit_the_declared_type_fails_the_attempt():
    definition = integration(
        task("a", outputs=(OutputMapping("x", "count"),), **RETRY),
        parameters=[Parameter("count", ValueKind.INT, **OUT)],
    )
    run = Run(definition=definition)

    run.succeed("a", x="many")

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "OUTPUT_TYPE_MISMATCH"
    assert run.parameters() == {}


def test_an_assignment_that_does_not_fit_the_declared_type_fails_the_attempt():
    definition = integration(
        task("a", built_in=Assign((("count", "'many'"),)), handler="assign"),
        parameters=[Parameter("count", ValueKind.INT, **OUT)],
    )

    assert Run(definition=definition).state("a") is TaskState.FAILED


def test_an_assignment_is_converted_to_the_declared_type():
    definition = integration(
        task("a", built_in=Assign((("ratio", "1"),)), handler="assign"),
        parameters=[Parameter("ratio", ValueKind.DOUBLE, **OUT)],
    )

    assert Run(definition=definition).execution.outputs["ratio"].kind is ValueKind.DOUBLE


@pytest.mark.parametrize("by_assignment", [True, False])
def test_all_parameters_together_have_a_limit(by_assignment):
    half = "x" * (PARAMETERS_MAX_BYTES // 2)
    if by_assignment:
        assign = Assign((("b", "params.a"), ("c", "params.a")))
        run = Run(task("t", built_in=assign, handler="assign"), inputs={"a": half})
    else:
        run = Run(task("t", outputs=(OutputMapping("b", "b"),)), inputs={"a": half})
        run.succeed("t", b=half)

    assert run.state("t") is TaskState.FAILED
    assert run.failure_code() == "PARAMETERS_TOO_LARGE"
    assert set(run.parameters()) == {"a"}


def test_the_inputs_of_one_task_together_have_a_limit():
    large = {"a": "x" * (PARAMETERS_MAX_BYTES // 2)}
    twice = {key: Expression("params.a") for key in "bc"}
    run = Run(task("t", parameters=twice), inputs=large)
    assert run.state("t") is TaskState.FAILED
    assert run.failure_code() == "VALUE_TOO_LARGE"


def test_expressions_know_the_execution_they_run_in():
    facts = {
        "id": Expression("execution.id"),
        "integration": Expression("execution.integration"),
        "attempt": Expression("execution.attempt"),
        "priority": Expression("execution.priority"),
        "created": Expression("execution.create_time"),
    }

    run = Run(task("a", parameters=facts), priority=7)

    assert plain(run.execution.tasks["a"].inputs) == {
        "id": "e1",
        "integration": "order",
        "attempt": 1,
        "priority": 7,
        "created": "2027-01-15T08:00:00Z",
    }


def test_conditions_see_only_tasks_that_have_succeeded():
    seen = when("d", "size(tasks) == 2 && 'a' in tasks && 'b' in tasks && !('c' in tasks)")
    run = Run(task("a", "b"), task("b", seen), task("c"), task("d"))
    run.succeed("a", n=1)

    run.succeed("b")

    assert run.state("d") is TaskState.IN_PROCESS


def test_an_output_that_a_task_did_not_return_is_not_there():
    run = Run(task("a", "b"), task("b", parameters={"n": Expression("tasks.a.outputs.n")}, **RETRY))

    run.succeed("a")

    assert run.state("b") is TaskState.FAILED
