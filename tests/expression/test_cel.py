"""The engine of the expressions: what they mean, what stops them, how their faults are told."""

import time

import pytest

from perdure.codec.values import decode_value, encode_python
from perdure.domain.expression import (
    CATCHER_VARIABLES,
    FAILURE_VARIABLES,
    ITEM_VARIABLES,
    Evaluator,
    ExpressionError,
    ExpressionProblem,
    Scope,
    TaskReference,
)
from perdure.domain.limits import VALUE_MAX_BYTES
from perdure.domain.value import ValueKind
from perdure.expression.cel import EXPRESSION_MAX_BYTES, CelEvaluator
from tests.expression.cases import CASES

EXECUTION: dict[str, str | int | bool] = {
    "id": "e-1",
    "integration": "order",
    "trigger_id": "api_trigger/order",
    "attempt": 2,
    "priority": 0,
    "create_time": "2026-01-31T09:00:00Z",
    "bucket": 4,
    "development": True,
}


@pytest.fixture(scope="module")
def evaluator():
    engine: Evaluator = CelEvaluator()
    return engine


def encode_all(objects):
    return {name: encode_python(obj) for name, obj in objects.items()}


def scope_of(params=None, tasks=None, failure=None, extra=None):
    outputs = {task_id: encode_all(objects) for task_id, objects in (tasks or {}).items()}
    return Scope(encode_all(params or {}), outputs, EXECUTION, failure, encode_all(extra or {}))


@pytest.mark.parametrize("case", CASES, ids=[f"{number}: {case.expression}" for number, case in enumerate(CASES)])
def test_an_expression_means_what_the_dialect_says(evaluator, case):
    scope = scope_of(case.params, case.tasks, case.failure, case.extra)
    if case.kind is None:
        with pytest.raises(ExpressionError) as caught:
            evaluator.evaluate(case.expression, scope)
        assert case.error in caught.value.message
    else:
        value = evaluator.evaluate(case.expression, scope)
        assert (value.kind, decode_value(value)) == (case.kind, case.result)


def test_a_plain_reference_hands_out_the_value_itself(evaluator):
    text = encode_python("NUL and all: \0")
    scope = Scope({"x": text}, {"a": {"b": text}}, EXECUTION, extra={"item": text})
    for reference in ("params.x", 'params["x"]', "tasks.a.outputs.b", "item"):
        assert evaluator.evaluate(reference, scope) is text


def test_only_what_is_mentioned_is_decoded(evaluator):
    broken = encode_python("x")
    broken = type(broken)(ValueKind.JSON, b"not a message")
    scope = Scope({"x": encode_python(1), "y": broken}, {"a": {"b": broken}}, EXECUTION)
    assert evaluator.test("params.x == 1 && has(tasks.c) == false", scope)


def test_the_same_map_always_yields_the_same_bytes(evaluator):
    one = evaluator.evaluate("{'a': 1, 'b': 2, 'c': 3, 'd': 4}", scope_of())
    other = evaluator.evaluate("{'d': 4, 'c': 3, 'b': 2, 'a': 1}", scope_of())
    assert one.encoded == other.encoded


def test_a_condition_must_yield_a_boolean(evaluator):
    assert evaluator.test("params.x > 1", scope_of({"x": 2})) is True
    assert evaluator.test("params.x", scope_of({"x": False})) is False
    with pytest.raises(ExpressionError, match="must yield BOOL, this one yields INT"):
        evaluator.test("params.x", scope_of({"x": 1}))
    with pytest.raises(ExpressionError, match='"x"'):
        evaluator.test("params.x", scope_of())


@pytest.mark.parametrize(
    ("expression", "params"),
    [
        ("params.l.all(x, params.l.all(y, params.l.all(z, x + y + z >= 0)))", {"l": list(range(300))}),
        ("params.l.all(x, x >= 0)", {"l": list(range(10_001))}),
        ("params.l.map(x, x)", {"l": list(range(9_000))}),
        ("params.l.map(x, params.s + params.s)", {"l": [1] * 3_000, "s": "x" * 500_000}),
        ("params.l.all(x, size(params.s) > 0)", {"l": [1] * 3_000, "s": "x" * 500_000}),
        ("params.l.all(x, params.m == params.m)", {"l": [1] * 2_000, "m": [1] * 2_000}),
        ("['xxxxxxxx']" + ".map(a, a + a)" * 12, {}),
        ("[[0]]" + ".map(a, a + a)" * 12, {}),
        ("['x']" + ".map(a, [a, a])" * 18 + ".map(z, z == z)", {}),
        ("['x']" + ".map(a, {'a': a, 'b': a})" * 18, {}),
        ("size(" + " + ".join(["params.s"] * 20) + ")", {"s": "x" * 900_000}),
        ("[" + ", ".join(["params.s"] * 100) + "]", {"s": "x" * 900_000}),
        ("[" + ", ".join(["params"] * 100) + "]", {"s": "x" * 900_000}),
    ],
    ids=range(13),
)
def test_a_bomb_is_stopped_before_it_does_harm(evaluator, expression, params):
    scope = scope_of(params)
    started = time.perf_counter()
    with pytest.raises(ExpressionError, match=r"too much work|budget"):
        evaluator.evaluate(expression, scope)
    # Measured at under 15 ms each; without the bound most of them take seconds and gigabytes.
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("expression", "params"),
    [
        ("params.l.all(x, x.size > 0)", {"l": [{"size": 1, "name": "n" * 50}] * 9_999}),
        ("params.l.filter(f, f.name.endsWith('y') && f.size > 10)", {"l": [{"size": 11, "name": "n" * 50}] * 1_500}),
        ("params.l.filter(f, f.size > 1).map(f, {'n': f.name, 's': f.size})", {"l": [{"size": 2, "name": "n"}] * 500}),
        ("params.l.map(f, f.a + '-' + f.b)", {"l": [{"a": "a" * 20, "b": "b"}] * 1_000}),
        ("params.l.exists(x, x in params.m)", {"l": list(range(500)), "m": list(range(500, 1_000))}),
        ("params.s + '/' + params.s", {"s": "x" * 400_000}),
    ],
    ids=range(6),
)
def test_honest_work_is_within_the_bound(evaluator, expression, params):
    evaluator.evaluate(expression, scope_of(params))


def test_a_result_beyond_the_limit_of_a_value_is_refused(evaluator):
    with pytest.raises(ExpressionError, match=f"the limit is {VALUE_MAX_BYTES}"):
        evaluator.evaluate("params.s + params.s", scope_of({"s": "x" * 600_000}))


def test_every_fault_is_told_with_its_place(evaluator):
    assert evaluator.check('params.x == "é" + y &&\n z > 1') == (
        ExpressionProblem("undeclared reference to 'y'", 1, 19),
        ExpressionProblem("undeclared reference to 'z'", 2, 2),
    )
    (problem,) = evaluator.check("1 +")
    assert (problem.line, problem.column) == (1, 4)
    assert str(problem).startswith("1:4: Syntax error")


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("", "Syntax error"),
        ("params.x +* 2", "Syntax error"),
        ("1 == 'a'", "no matching overload"),
        ("params.x.replace('a', 'b')", "undeclared reference to 'replace'"),
        ("item > 1", "undeclared reference to 'item'"),
        ("error.code == 'X'", "undeclared reference to 'error.code'"),
        ("execution.owner", '"owner" is none of the fields of execution'),
        ("tasks.a.inputs.b", '"inputs" is none of the fields of a task: outputs'),
        ("(" * 200 + "1" + ")" * 200, "recursion limit"),
        ("'" + "x" * EXPRESSION_MAX_BYTES + "'", "the expression has 4098 bytes, the limit is 4096"),
        ("params.x\0", "NUL"),
        ("'\ud800'", "surrogate"),
        ("a" * 4_000, "undeclared reference to 'aaa"),
    ],
    ids=range(13),
)
def test_a_fault_is_found_without_running(evaluator, expression, fault):
    (problem, *_) = evaluator.check(expression)
    assert fault in problem.message
    assert len(str(problem)) < 310


def test_a_report_of_faults_is_bounded(evaluator):
    assert len(evaluator.check(" + ".join(f"a{number}" for number in range(30)))) == 16


def test_what_may_be_named_depends_on_the_place(evaluator):
    assert evaluator.check("item.a > index", ITEM_VARIABLES) == ()
    assert evaluator.check("error.code == 'X'", FAILURE_VARIABLES, condition=True) == ()
    assert evaluator.check("error.reason == 'X'", FAILURE_VARIABLES) != ()


def test_a_condition_is_checked_for_its_type(evaluator):
    assert evaluator.check("params.x", condition=True) == ()
    (problem,) = evaluator.check("1 + 1", condition=True)
    assert problem.message == "a condition must yield BOOL, this one yields INT"


def test_an_expression_that_does_not_compile_is_an_error_with_problems(evaluator):
    with pytest.raises(ExpressionError, match="undeclared") as caught:
        evaluator.evaluate("nobody", scope_of())
    assert caught.value.problems == (ExpressionProblem("undeclared reference to 'nobody'", 1, 1),)


def test_references_name_what_an_expression_can_read(evaluator):
    found = evaluator.references(
        "params.x + params['y z'].deep + tasks.a.outputs.b + tasks['c-d'].outputs[params.k] + item.params.no"
    )
    assert found.parameters == {"x", "y z", "k"}
    assert found.tasks == {TaskReference("a", "b"), TaskReference("c-d", None)}
    assert found.variables == {"params", "tasks", "item"}
    assert not found.all_parameters
    assert not found.all_tasks


@pytest.mark.parametrize(
    ("expression", "all_parameters", "all_tasks"),
    [
        ("params[params.k]", True, False),
        ("size(params) > tasks[params.id].outputs.n", True, True),
        ("params['\\x61']", True, False),
        ("'params' + \"tasks.a\" + r'\\d' + '''params\n''' // params", False, False),
        ("'a' in .params", True, False),
        ("1.5e+3 > double(params.n)", False, False),
    ],
)
def test_a_name_that_is_computed_may_be_any(evaluator, expression, all_parameters, all_tasks):
    found = evaluator.references(expression)
    assert (found.all_parameters, found.all_tasks) == (all_parameters, all_tasks)


def test_a_value_is_fitted_to_a_declared_kind(evaluator):
    assert decode_value(evaluator.fit(encode_python(2), ValueKind.DOUBLE)) == 2.0
    with pytest.raises(ExpressionError, match="expected INT_VALUE, got STRING_VALUE"):
        evaluator.fit(encode_python("a"), ValueKind.INT)


def test_a_list_is_taken_apart(evaluator):
    items = evaluator.items(evaluator.evaluate("params.l.map(x, x * 2)", scope_of({"l": [1, 2]})))
    assert [decode_value(item) for item in items] == [2, 4]
    with pytest.raises(ExpressionError, match="expected a list, got INT_VALUE"):
        evaluator.items(encode_python(1))


def test_an_instant_is_read_in_microseconds(evaluator):
    scope = scope_of({"at": "1970-01-01T01:00:00.0000019+01:00"})
    assert evaluator.instant("params.at", scope) == 1
    assert evaluator.instant("timestamp('1970-01-01T00:00:00Z') + duration('2s')", scope) == 2_000_000


@pytest.mark.parametrize("text", ["tomorrow", "2026-01-31", "2026-01-31T09:00:00", "2026-02-31T09:00:00Z", ""])
def test_what_is_no_instant_is_an_error(evaluator, text):
    with pytest.raises(ExpressionError, match="no timestamp"):
        evaluator.instant("params.at", scope_of({"at": text}))


def test_a_rollout_is_decided_by_the_bucket_of_the_execution(evaluator):
    scope = scope_of()
    assert evaluator.check("execution.bucket < 5 && execution.development", condition=True) == ()
    assert evaluator.test("execution.bucket < 5 && execution.development", scope)
    assert not evaluator.test("execution.bucket < 4", scope)


def test_tasks_that_follow_a_failure_see_its_task(evaluator):
    scope = scope_of(failure={"code": "", "message": "", "task": "charge"})
    assert evaluator.check("error.task", CATCHER_VARIABLES) == ()
    assert decode_value(evaluator.evaluate("error.task + error.code", scope)) == "charge"


def test_a_field_that_no_failure_has_is_a_problem(evaluator):
    (problem,) = evaluator.check("error.payload", CATCHER_VARIABLES)
    assert problem.message == '"payload" is none of the fields of error: code, message, task'


def test_a_condition_can_ask_whether_a_task_has_succeeded(evaluator):
    scope = scope_of({}, {"here": {"x": 1}})
    assert evaluator.test("has(tasks.here) && 'here' in tasks", scope)
    assert not evaluator.test("has(tasks.gone) && tasks.gone.outputs.x == 1 || 'gone' in tasks", scope)


@pytest.mark.parametrize("plain", ["", "text", True, False])
def test_a_text_or_a_truth_value_becomes_a_value(evaluator, plain):
    value = evaluator.value(plain)
    kind = ValueKind.STRING if isinstance(plain, str) else ValueKind.BOOLEAN
    assert (value.kind, decode_value(value)) == (kind, plain)
