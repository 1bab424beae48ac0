"""Traced integrations: the graphs that statements become, and what happens when those graphs run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from perdure import App, DefinitionError, Exponential, Fatal, TracingError, for_each, parallel, timer, when
from perdure.codec.integrations import find_faults
from perdure.domain.states import TaskState
from tests.definition.performing import Performance
from tests.domain.builders import EVALUATOR


@dataclass
class Stock:
    sku: str
    total: float
    units: int = 1


@dataclass
class Receipt:
    order_id: str
    paid: float


app = App("shop")


@app.task(retry=Exponential(max_retries=3, interval="250ms", max_interval="1m"), timeout="30s", checkpoint=False)
async def reserve(ctx, sku: str, count: int) -> Stock:
    return Stock(sku, count * 2.5, count)


@app.task(retry=Fatal(), synchronous_retry=Exponential(max_retries=1, interval="1s"))
def charge(order_id: str, total: float) -> float:
    return total


@app.task()
def note(text: str) -> None:
    """Leave a trace in the order of tasks and nothing else."""


@app.task()
def measure(text: str, factor: int = 1) -> int:
    return len(text) * factor


@app.task()
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task()
def total_units(stocks: list[Stock]) -> int:
    return sum(stock.units for stock in stocks)


@app.task()
def describe(stock: Stock) -> dict[str, Any]:
    return {"sku": stock.sku, "more": {"units": [stock.units]}}


@dataclass
class Shapes:
    plain: list[int]
    again: list[str]
    seen: str
    inside: dict[str, Any]
    same: bool


app_of_shapes = App("shapes")


@app_of_shapes.task()
def as_is(it: Any) -> str:
    return repr(it)


app_of_shapes.task(name="measure")(measure.handler)


@app.integration()
def count_text(text: str) -> int:
    return measure(text, factor=2)


def integration(function):
    return App("test").integration()(function)


def edges(traced):
    """Write the graph as lines `from -> to if condition`, in the order of the tasks."""
    return [
        f"{task.task_id} -> {edge.task_id}" + (f" if {edge.condition}" if edge.condition else "")
        for task in traced.definition.tasks
        for edge in task.next_tasks
    ]


def perform(function, **inputs):
    traced = integration(function)
    return Performance(app, traced, **inputs)


# statements and their order


def test_statements_run_in_the_order_written():
    @integration
    def three(text: str) -> None:
        note(text)
        note(text)
        measure(text)

    assert edges(three) == ["note -> note_2", "note_2 -> measure"]


def test_statements_of_a_parallel_block_run_side_by_side_and_the_next_one_waits_for_all():
    @integration
    def fork(text: str) -> None:
        note(text)
        with parallel():
            measure(text)
            charge(text, 1.0)
        total([1])

    assert edges(fork) == ["note -> measure", "note -> charge", "measure -> total", "charge -> total"]


def test_a_parallel_block_can_come_first_and_can_be_empty():
    @integration
    def fork(text: str) -> None:
        with parallel():
            note(text)
            measure(text)
        with parallel():
            pass
        total([1])

    assert edges(fork) == ["note -> total", "measure -> total"]


def test_a_statement_that_uses_a_result_from_its_parallel_block_runs_after_it():
    @integration
    def fork(text: str) -> int:
        note(text)
        with parallel():
            one = measure(text)
            charge(text, 1.0)
            return total([one, 5])

    assert "measure -> total" in edges(fork)
    assert "note -> total" not in edges(fork)
    assert Performance(app, fork, text="four").outputs == {"result": 9}


def test_parallel_blocks_nest():
    @integration
    def fork(text: str) -> None:
        with parallel():
            note(text)
            with parallel():
                note(text)
                note(text)
        measure(text)

    assert edges(fork) == ["note -> measure", "note_2 -> measure", "note_3 -> measure"]


# conditions


def test_a_condition_stands_on_the_edge_into_its_block_and_an_edge_leads_around():
    @integration
    def fork(sku: str) -> None:
        stock = reserve(sku, 3)
        with when(stock.total > 1000):
            note(sku)
        measure(sku)

    assert edges(fork) == [
        "reserve -> note if tasks.reserve.outputs.total > 1000.0",
        "reserve -> measure",
        "note -> measure",
    ]


@pytest.mark.parametrize(("count", "order"), [(500, ["reserve", "note", "measure"]), (1, ["reserve", "measure"])])
def test_what_follows_a_block_runs_whether_its_condition_held_or_not(count, order):
    def fork(sku: str, count: int) -> int:
        stock = reserve(sku, count)
        with when((stock.total > 1000) & (stock.sku != "")):
            note(sku)
        return measure(sku)

    done = perform(fork, sku="abc", count=count)
    assert done.succeeded
    assert done.order == order
    assert done.outputs == {"result": 3}


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        (True, True, ["note", "note_2", "note_3", "note_4", "measure"]),
        (True, False, ["note", "note_3", "note_4", "measure"]),
        (False, True, ["note_4", "measure"]),
        (False, False, ["note_4", "measure"]),
    ],
)
def test_conditions_nest_and_each_block_is_passed_by_on_its_own(first, second, order):
    def fork(text: str, first: bool, second: bool) -> int:
        with when(first):
            note(text)
            with when(second):
                note(text)
            note(text)
        note(text)
        return measure(text)

    done = perform(fork, text="x", first=first, second=second)
    assert done.succeeded
    assert done.order == order


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_conditions_one_directly_in_the_other_are_both_needed(first, second):
    def fork(text: str, first: bool, second: bool) -> None:
        note(text)
        with when(first), when(second | (text == "y")):
            note(text)
        measure(text)

    done = perform(fork, text="x", first=first, second=second)
    assert done.succeeded
    assert done.order == (["note", "note_2", "measure"] if first and second else ["note", "measure"])


@pytest.mark.parametrize("taken", [True, False])
def test_a_condition_inside_a_parallel_block_holds_up_nothing_beside_it(taken):
    def fork(text: str, taken: bool) -> None:
        note(text)
        with parallel():
            measure(text)
            with when(taken):
                charge(text, 2.0)
        total([1])

    done = perform(fork, text="x", taken=taken)
    assert done.succeeded
    assert done.order == ["note", "measure", *(["charge"] if taken else []), "total"]


@pytest.mark.parametrize("taken", [True, False])
def test_a_parallel_block_inside_a_condition_runs_whole_or_not_at_all(taken):
    def fork(text: str, taken: bool) -> None:
        with when(taken), parallel():
            one = measure(text)
            note(text)
            with when(one > 100):
                note("long")
        total([1])

    done = perform(fork, text="x", taken=taken)
    assert done.succeeded
    assert done.order == ([*(["measure", "note"] if taken else []), "total"])


def test_a_condition_after_a_parallel_block_waits_for_all_of_it():
    @integration
    def fork(text: str) -> None:
        with parallel():
            one = measure(text)
            note(text)
        with when(one > 2):
            note(text)

    assert edges(fork) == ["measure -> gate", "note -> gate", "gate -> note_2 if tasks.measure.outputs.result > 2"]


def test_an_empty_block_leaves_no_condition_behind():
    @integration
    def fork(text: str, yes: bool) -> None:
        note(text)
        with when(yes):
            pass
        measure(text)

    assert edges(fork) == ["note -> measure"]


def test_two_equal_conditions_lead_to_two_blocks():
    def fork(text: str, yes: bool) -> None:
        note(text)
        with when(yes):
            note(text)
        with when(~yes):
            measure(text)

    assert perform(fork, text="x", yes=True).order == ["note", "note_2"]
    assert perform(fork, text="x", yes=False).order == ["note", "measure"]


# what runs a task


def test_options_of_a_task_go_with_every_call_of_it():
    @integration
    def one(sku: str) -> None:
        reserve(sku, 1)
        charge(sku, 1.0)

    first, second = one.definition.tasks
    assert (first.task, first.timeout.seconds, first.checkpoint) == ("reserve", 30, False)
    assert first.failure_policy == first.synchronous_call_failure_policy
    assert (first.failure_policy.max_retries, first.failure_policy.interval.nanos) == (3, 250_000_000)
    assert first.failure_policy.max_interval.seconds == 60
    assert second.failure_policy.retry_strategy == second.failure_policy.RETRY_STRATEGY_FATAL
    assert second.synchronous_call_failure_policy.max_retries == 1
    assert not second.HasField("checkpoint")


def test_a_task_gets_the_id_it_is_called_with():
    @integration
    def three(text: str) -> None:
        note(text, id="first")  # type: ignore[call-arg]
        note.with_id("second")(text)
        note(text)

    assert edges(three) == ["first -> second", "second -> note"]


def test_constants_are_typed_by_the_annotation_and_traced_arguments_are_expressions():
    @integration
    def one(text: str) -> None:
        charge(text, 2)

    (task,) = one.definition.tasks
    assert task.parameters["order_id"].expression == "params.text"
    assert task.parameters["total"].constant.double_value == 2.0


def test_lists_and_objects_may_hold_traced_values():
    def build(text: str, many: int) -> dict[str, Any]:
        first = measure(text)
        total([first, many + 1, 7])
        return describe(Stock(text + "!", 1.5, first * 2))

    done = perform(build, text="abc", many=4)
    assert done.outputs == {"result": {"sku": "abc!", "more": {"units": [6]}}}


def test_a_whole_result_can_be_passed_on_and_taken_apart():
    def chain(sku: str) -> int:
        stock = reserve(sku, 4)
        described = describe(stock)
        return measure(described["sku"], factor=described["more"].units[0])

    assert perform(chain, sku="ab").outputs == {"result": 8}


def test_numbers_of_two_types_can_be_reckoned_with():
    def reckon(count: int, rate: float) -> float:
        stock = reserve("x", count)
        return charge("x", (stock.total * count + 1 - rate / 2) / 4)

    assert perform(reckon, count=2, rate=1.0).outputs == {"result": (5.0 * 2 + 1 - 0.5) / 4}


def test_division_of_whole_numbers_is_exact():
    def divide(count: int) -> float:
        return charge("x", count / 2)

    assert perform(divide, count=5).outputs == {"result": 2.5}


def test_a_task_is_run_for_each_item_in_order():
    def loop(texts: list[str], factor: int) -> int:
        lengths = for_each(measure, texts, parallelism=2, factor=factor)
        with when(lengths[0] > 1):
            note("long")
        return total(lengths)

    done = perform(loop, texts=["a", "bcd"], factor=10)
    assert done.outputs == {"result": 40}
    config = integration(loop).definition.tasks[0]
    assert (config.task_id, config.for_each.task, config.for_each.parallelism) == ("measure_each", "measure", 2)
    assert config.for_each.item_parameter == "text"


def test_a_loop_over_dataclasses_yields_dataclasses():
    def loop(skus: list[str]) -> int:
        stocks = for_each(reserve, skus, count=3, continue_on_failure=True)
        note(stocks[0].sku)
        return total_units(stocks)

    assert perform(loop, skus=["a", "b"]).outputs == {"result": 6}


def test_the_results_of_a_loop_are_plain_values_wherever_they_go():
    @app_of_shapes.integration()
    def loop(texts: list[str]) -> Shapes:
        lengths = for_each(measure, texts)
        again = for_each(as_is, lengths)
        seen = as_is(lengths)
        return Shapes(plain=lengths, again=again, seen=seen, inside={"lengths": lengths}, same=lengths == [1, 2])

    done = Performance(app_of_shapes, loop, texts=["a", "bc"])
    assert done.outputs == {
        "plain": [1, 2],
        "again": ["1", "2"],
        "seen": "[1, 2]",
        "inside": {"lengths": [1, 2]},
        "same": True,
    }


def test_an_integration_is_run_for_each_item():
    def loop() -> int:
        return total(for_each(count_text, ["a", "bc"]))

    assert perform(loop).outputs == {"result": 6}


def test_an_integration_in_an_integration_is_waited_for():
    def outer(text: str) -> int:
        return total([count_text(text), 1])

    done = perform(outer, text="abc")
    assert done.outputs == {"result": 7}
    assert done.order == ["count_text", "total"]


def test_a_detached_integration_is_not_waited_for():
    @integration
    def outer(text: str) -> None:
        count_text.start_detached(text)

    (task,) = outer.definition.tasks
    assert task.sub_integration.integration_id == "count_text"
    assert task.sub_integration.HasField("wait")
    assert not task.sub_integration.wait


def test_a_timer_waits_for_a_length_or_an_instant():
    @integration
    def wait(at: str) -> None:
        timer("1.5s")
        timer(until=at)

    first, second = wait.definition.tasks
    assert (first.timer.delay.seconds, first.timer.delay.nanos) == (1, 500_000_000)
    assert second.timer.until_expression == "params.at"
    done = Performance(app, wait, at="2030-01-01T00:00:00Z")
    assert done.run.state("timer_2") is TaskState.SUCCEED


# parameters and outputs


def test_parameters_come_from_the_signature():
    @integration
    def typed(a: str, b: int = 2, c: list[float] | None = None, d: list[bool] = [True]) -> None:  # noqa: B006
        note(a)

    parameters = [
        (p.key, p.DataType.Name(p.data_type), p.HasField("default_value")) for p in typed.definition.parameters
    ]
    assert parameters == [
        ("a", "DATA_TYPE_STRING_VALUE", False),
        ("b", "DATA_TYPE_INT_VALUE", True),
        ("c", "DATA_TYPE_JSON_VALUE", True),
        ("d", "DATA_TYPE_BOOLEAN_ARRAY", True),
    ]


def test_fields_of_a_returned_dataclass_become_outputs():
    def order(sku: str) -> Receipt:
        stock = reserve(sku, 2)
        return Receipt(order_id=stock.sku + "-1", paid=stock.total)

    assert perform(order, sku="abc").outputs == {"order_id": "abc-1", "paid": 5.0}
    definition = integration(order).definition
    assert [output.parameter for output in definition.tasks[0].outputs] == ["paid"]
    assert definition.tasks[-1].assign.assignments[0].parameter == "order_id"


def test_a_returned_result_of_a_dataclass_type_becomes_its_fields():
    def order(name: str) -> Stock:
        return reserve(name, 2)  # type: ignore[no-any-return]

    assert perform(order, name="abc").outputs == {"sku": "abc", "total": 5.0, "units": 2}


def test_an_output_of_the_name_of_an_input_is_both():
    def order(sku: str, total: float) -> Stock:
        return Stock(sku=sku, total=total + 1, units=measure(sku))

    done = perform(order, sku="abc", total=1.0)
    assert done.outputs == {"sku": "abc", "total": 2.0, "units": 3}


def test_constants_can_be_returned():
    def order(sku: str) -> Receipt:
        note(sku)
        return Receipt(order_id="fixed", paid=3)

    assert perform(order, sku="abc").outputs == {"order_id": "fixed", "paid": 3.0}


def test_a_result_that_may_be_missing_can_be_returned():
    def order(sku: str, yes: bool) -> int:
        note(sku)
        with when(yes):
            return measure(sku)

    assert perform(order, sku="abc", yes=True).outputs == {"result": 3}
    assert perform(order, sku="abc", yes=False).outputs == {}


def test_what_an_integration_is_for_comes_from_its_docstring():
    @App("x").integration(trigger="api_trigger/t", max_runtime="2h", priority=5, labels={"team": "a"})
    def documented(text: str) -> None:
        """Say what it
        is for.

        And more.
        """
        note(text)

    definition = documented.definition
    assert definition.description == "Say what it is for."
    assert [trigger.trigger_id for trigger in definition.triggers] == ["api_trigger/t"]
    assert (definition.max_runtime.seconds, definition.default_priority) == (7200, 5)
    assert definition.labels == {"team": "a"}


@pytest.mark.parametrize("task_id", ["in", "my-task", "for", "_x"])
@pytest.mark.parametrize("text", ['say "hi"\\', "é\n\t{}", "'", "`", "\x7f\u2028"])
def test_every_id_and_every_text_survives_the_way_into_an_expression(task_id, text):
    def build(suffix: str) -> int:
        first = measure.with_id(task_id)("abc")
        return measure(suffix + text, factor=first)

    assert perform(build, suffix="").outputs == {"result": 3 * len(text)}


def test_parameters_named_like_words_of_the_language_can_be_read():
    @App("x").integration()
    def words(package: str, loop: int) -> int:
        return measure(package, factor=loop + 1)

    assert Performance(app, words, package="ab", loop=1).outputs == {"result": 4}


# what cannot be recorded


def fails(function, part):
    with pytest.raises(TracingError) as caught:
        assert integration(function).definition
    message = str(caught.value)
    assert part in message
    assert caught.value.filename == __file__
    assert function.__code__.co_firstlineno < caught.value.line < function.__code__.co_firstlineno + 12
    assert message.startswith(f"{__file__}:{caught.value.line}: ")


@pytest.mark.parametrize(
    ("use", "part"),
    [
        (bool, "with when"),
        (lambda value: not value, "with when"),
        (lambda value: 1 < value < 3, "with when"),
        (lambda value: value and 1, "with when"),
        (list, "for_each"),
        (lambda value: f"{value}", "join texts"),
        (str, "join texts"),
        (lambda value: f"{value:>3}", "join texts"),
        (lambda value: {value: 1}, "cannot be a key"),
        (lambda value: {value}, "cannot be a key"),
        (lambda value: 1 in value, "search"),
        (len, "count"),
        (int, "only in a run"),
        (float, "only in a run"),
        (range, "only in a run"),
        (lambda value: value[1:2], "slice"),
        (lambda value: value[-1], "from the end"),
        (lambda value: value["a"](), "no methods"),
        (lambda value: value + {1: 2}, "plain strings"),
        (lambda value: value + float("nan"), "NaN"),
        (lambda value: value + (1 << 63), "64 bits"),
        (lambda value: value + "\0", "NUL"),
        (lambda value: value + object(), "no form"),
        (lambda value: measure(), "text"),  # type: ignore[call-arg]
        (lambda value: measure(value, colour=1), "colour"),  # type: ignore[call-arg]
        (lambda value: measure(b"x"), "no form as a value"),  # type: ignore[arg-type]
        (lambda value: measure(5), "expected STRING_VALUE"),  # type: ignore[arg-type]
        (lambda value: measure(value, id="a b"), "cannot be the id"),  # type: ignore[call-arg]
        (lambda value: when(True), "plain `if`"),
        (lambda value: timer(), "either a length or an instant"),
        (lambda value: timer("soon"), "no length of time"),
        (lambda value: for_each(reserve, [value]), "needs count too"),
        (lambda value: for_each(note, [value], text="x"), "no argument left"),
        (lambda value: for_each(note, [value], colour="x"), "no argument colour"),
        (lambda value: for_each(describe, [value]), "must return a dataclass"),
        (lambda value: for_each([value], describe), "the items second"),  # type: ignore[arg-type]
    ],
)
def test_what_needs_the_value_now_is_refused_with_its_place(use, part):
    def build(value: Any) -> None:
        use(value)

    with pytest.raises(TracingError) as caught:
        assert integration(build).definition
    assert part in str(caught.value)
    assert str(caught.value).startswith(f"{__file__}:")
    assert caught.value.line > 0


def test_an_error_names_the_statement():
    def build(text: str) -> None:
        note(text)
        if text == "x":
            note(text)

    fails(build, "with when")


def test_fields_that_a_result_does_not_have_are_refused():
    def build(text: str) -> None:
        stock = reserve(text, 1)
        note(stock.colour)

    fails(build, "Stock has no field colour; it has sku, total, units")


def test_methods_of_plain_types_are_refused():
    def build(text: str) -> None:
        note(text.upper())

    fails(build, "str has no upper")


def test_a_result_from_a_closed_block_is_refused_where_it_may_be_missing():
    def build(text: str, yes: bool) -> None:
        with when(yes):
            size = measure(text)
        measure(text, factor=size)

    fails(build, "measure may not have run")


def test_a_result_from_beside_is_refused_where_no_order_can_be_made():
    def build(text: str, yes: bool) -> None:
        with parallel():
            size = measure(text)
            with when(yes):
                measure(text, factor=size)

    fails(build, "measure runs side by side")


def test_an_id_is_given_once():
    def build(text: str) -> None:
        note(text, id="a")  # type: ignore[call-arg]
        note(text, id="a")  # type: ignore[call-arg]

    fails(build, "the id a is taken")


def test_a_result_of_another_integration_is_refused():
    kept = []

    def first(text: str) -> None:
        kept.append(measure(text))

    assert integration(first).definition

    def second(text: str) -> None:
        charge(text, kept[0])

    fails(second, "another integration")


def test_a_task_called_outside_an_integration_says_so():
    with pytest.raises(TracingError, match="belongs into a function with @app"):
        note("x")


@pytest.mark.parametrize(
    ("function", "part"),
    [
        (lambda: None, "calls no task"),
        (lambda: measure("x"), "annotate its type"),
    ],
)
def test_an_integration_without_tasks_or_result_type_is_refused(function, part):
    function.__name__ = "f"
    with pytest.raises(DefinitionError, match=part):
        assert integration(function).definition


def test_a_return_value_must_go_with_its_annotation():
    @integration
    def nothing(text: str) -> int:  # type: ignore[return]
        note(text)

    @integration
    def another(text: str) -> Stock:
        note(text)
        return 5  # type: ignore[return-value]

    for traced_function, part in ((nothing, "does not go with"), (another, "must return Stock")):
        with pytest.raises(DefinitionError, match=part):
            assert traced_function.definition


def test_outputs_may_be_reckoned_from_inputs_of_other_names():
    @integration
    def swapped(sku: str, total: float, units: int) -> Stock:
        note(sku)
        return Stock(sku, total=total + units, units=units + measure(sku))

    assert Performance(app, swapped, sku="abc", total=1.0, units=2).outputs == {"sku": "abc", "total": 3.0, "units": 5}


def test_an_output_that_needs_an_overwritten_input_is_refused():
    @integration
    def swapped(sku: str, total: float, units: int) -> Stock:
        note(sku)
        return Stock(sku, total=total + 1, units=measure(sku) + units * (total > 1))

    with pytest.raises(DefinitionError, match="output units needs input total"):
        assert swapped.definition


def test_a_definition_of_the_largest_size_is_recorded_without_recursion():
    @integration
    def large(text: str) -> None:
        for _ in range(2_000):
            note(text)

    assert len(large.definition.tasks) == 2_000
    assert find_faults(large.definition, EVALUATOR) == []


def test_names_are_given_once_in_an_app():
    shop = App("shop")

    @shop.task()
    def work() -> None: ...

    with pytest.raises(DefinitionError, match="has a task work already"):
        shop.task(name="work")(lambda: None)
    assert list(shop.tasks) == ["work"]
    assert shop.tasks["work"].handler is not None


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: App("Upper"), "name of an app"),
        (lambda: App("a").task(name="a b")(lambda: None), "name of a task"),
        (lambda: App("a").task(name="timer")(lambda: None), "no built-in"),
        (lambda: App("a").task(timeout="x"), "no length of time"),
        (lambda: App("a").task(timeout="-1s"), "no length of time"),
        (lambda: App("a").task(retry="often"), "says nothing about retries"),  # type: ignore[call-overload]
        (lambda: App("a").task(name="t", executor="async")(lambda: None), "only coroutine functions"),
        (lambda: App("a").task(name="t", executor="ship")(lambda: None), "is no executor"),  # type: ignore[call-overload]
        (lambda: App("a").task(name="t")(lambda *args: None), "named arguments"),
        (lambda: App("a").integration(priority=1000), "0 to 999"),
        (lambda: App("a").integration(id="Upper")(lambda: None), "id of an integration"),
        (lambda: App("a").integration(id="x", trigger="a b")(lambda: None), "id of a trigger"),
        (lambda: App("a").integration(id="x")(lambda ctx: None), "TaskContext"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(make, part):
    with pytest.raises(DefinitionError, match=part):
        make()
