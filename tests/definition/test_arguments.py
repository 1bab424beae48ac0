"""Arguments and results of handlers, and the typed values that they travel as."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, TypedDict

import pytest

from perdure import ConversionError, DefinitionError
from perdure.codec.values import encode_python, message_from_value
from perdure.definition.arguments import Outputs, bind_inputs, signature_of
from perdure.domain.value import ValueKind

if TYPE_CHECKING:
    from perdure.nowhere import Nothing  # type: ignore[import-not-found]

    from perdure import TaskContext


class Colour(StrEnum):
    RED = "red"


class Size(Enum):
    LARGE = 3


@dataclass
class Line:
    sku: str
    price: float
    colour: Colour = Colour.RED


@dataclass
class Order:
    id: str
    lines: list[Line]
    due: datetime | None = None
    derived: int = field(init=False, default=7)
    parent: Order | None = None


class Shape(TypedDict):
    sides: int


Sku = NewType("Sku", str)

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
ORDER = Order("o", [Line("a", 1.5)], NOON, parent=Order("p", []))
ORDER_JSON = {
    "id": "o",
    "lines": [{"sku": "a", "price": 1.5, "colour": "red"}],
    "due": "2030-01-02T12:00:00Z",
    "parent": {"id": "p", "lines": [], "due": None, "parent": None},
}


def taking(annotation):
    def handler(it): ...

    handler.__annotations__ = {"it": annotation}
    return signature_of(handler)


def bind(annotation, plain, kind=None):
    return bind_inputs(taking(annotation), {"it": message_from_value(encode_python(plain, kind))})["it"]


@pytest.mark.parametrize(
    ("annotation", "plain", "expected"),
    [
        (str, "x", "x"),
        (Sku, "x", "x"),
        (Annotated[str, "a note"], "x", "x"),
        (int, 5, 5),
        (float, 5, 5.0),
        (bool, True, True),
        (list[str], ["a"], ["a"]),
        (list[int], [], []),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (Sequence[int], [1], [1]),
        (list, [1, "a"], [1, "a"]),
        (dict[str, float], {"a": 1}, {"a": 1.0}),
        (Mapping[str, Colour], {"a": "red"}, {"a": Colour.RED}),
        (Shape, {"sides": 3}, {"sides": 3}),
        (Any, {"a": [None]}, {"a": [None]}),
        (object, 5, 5),
        (str | None, None, None),
        (int | str, "a", "a"),
        (None, None, None),
        (Literal["a", 2], 2, 2),
        (Colour, "red", Colour.RED),
        (Size, 3, Size.LARGE),
        (datetime, "2030-01-02T12:00:00Z", NOON),
        (Order, ORDER_JSON, ORDER),
        (list[Line], [{"sku": "a", "price": 1, "newer": 5}], [Line("a", 1.0)]),
        # as the items of a loop over a task with one result arrive
        (list[str], [{"result": "a"}, {"result": "b"}], ["a", "b"]),
        (list[list[int]], [{"result": [1]}], [[1]]),
        (list[str | None], [{"result": "a"}, None], ["a", None]),
        (list[Colour], [{"result": "red"}], [Colour.RED]),
    ],
)
def test_values_become_what_the_annotation_says(annotation, plain, expected):
    read = bind(annotation, plain)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "plain", "message"),
    [
        (str, 5, "argument it: expected str, got int"),
        (int, "secret", "argument it: expected int, got str"),
        (int, True, "argument it: expected int, got bool"),
        (int, 1.0, "argument it: expected int, got float"),
        (float, "1", "argument it: expected float, got str"),
        (list[str], "a", "argument it: expected a list, got str"),
        (list[Line], [{"sku": "a", "price": "x"}], "argument it[0].price: expected float, got str"),
        (Line, {"price": 1}, "argument it: sku missing for Line"),
        (Line, 5, "argument it: expected the fields of Line, got int"),
        (dict[str, int], {"a": "b"}, "argument it['a']: expected int, got str"),
        (dict[str, int], [1], "argument it: expected an object, got list"),
        (str | None, 5, "argument it: expected str | None, got int"),
        (Colour, "secret", "argument it: expected a value of Colour, got str"),
        (Literal["a"], "secret", "argument it: expected one of ('a',), got str"),
        (datetime, "noon", "argument it: expected an instant in RFC 3339 text, got str"),
        (datetime, "2030-01-02T12:00:00", "argument it: expected an instant in RFC 3339 text, got str"),
        (str, None, "argument it: expected str, got nothing"),
    ],
)
def test_values_that_do_not_fit_are_refused_without_being_repeated(annotation, plain, message):
    with pytest.raises(ConversionError) as caught:
        bind(annotation, plain)
    assert str(caught.value) == message


def test_a_value_without_a_kind_is_refused():
    message = message_from_value(encode_python("x"))
    message.Clear()
    with pytest.raises(ConversionError, match="argument it: has no kind"):
        bind_inputs(taking(str), {"it": message})


def test_defaults_stay_with_the_handler_and_missing_inputs_are_named():
    def handler(ctx: TaskContext, a: int, b: int = 5, *, c: str = "x"): ...

    signature = signature_of(handler)
    assert signature.context == "ctx"
    assert bind_inputs(signature, {"a": message_from_value(encode_python(1))}) == {"a": 1}
    with pytest.raises(ConversionError, match="argument a: nothing is given"):
        bind_inputs(signature, {})
    with pytest.raises(ConversionError, match="has no argument z"):
        bind_inputs(signature, {"z": message_from_value(encode_python(1))})


@pytest.mark.parametrize("annotation", ["TaskContext", "'TaskContext'", "perdure.TaskContext", None])
def test_the_context_is_known_by_its_annotation_or_its_name(annotation):
    def handler(ctx): ...

    handler.__annotations__ = {} if annotation is None else {"ctx": annotation}
    assert signature_of(handler).context == "ctx"


def test_a_first_argument_of_another_type_is_no_context():
    def handler(ctx: str, other: int): ...

    assert list(signature_of(handler).arguments) == ["ctx", "other"]


def test_a_wrapped_handler_is_read_through():
    def handler(ctx, order: Order) -> Order: ...  # type: ignore[empty-body]

    @functools.wraps(handler)
    def wrapped(*args, **kwargs): ...

    signature = signature_of(wrapped)
    assert signature.arguments["order"].annotation is Order
    assert signature.returns is Order


def unresolved(a: Nothing): ...


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (unresolved, "argument a of unresolved cannot be resolved"),
        (lambda *args: None, "cannot be filled by its name"),
        (lambda **kwargs: None, "cannot be filled by its name"),
        (lambda a, /: None, "cannot be filled by its name"),
        (lambda é: None, "cannot be the name of an input"),  # noqa: PLC2401
    ],
)
def test_handlers_that_no_input_can_fill_are_refused(handler, message):
    with pytest.raises(DefinitionError, match=message):
        signature_of(handler)


@pytest.mark.parametrize("annotation", [bytes, set[str], complex, timedelta, tuple[int, str], list[bytes]])
def test_annotations_for_which_nothing_can_be_read_are_refused(annotation):
    with pytest.raises(DefinitionError, match="no value can be read"):
        taking(annotation)


def outputs(result, annotation):
    found = {}
    for name, message in Outputs(annotation).of(result).items():
        kind = message.WhichOneof("value")
        assert kind is not None
        found[name] = (kind, getattr(message, kind))
    return found


@pytest.mark.parametrize(
    ("result", "annotation", "expected"),
    [
        ("x", str, ("string_value", "x")),
        (5, int, ("int_value", 5)),
        (5, float, ("double_value", 5.0)),
        (True, bool, ("boolean_value", True)),
        (5, Any, ("json_value", "5")),
        (None, str | None, ("json_value", "null")),
        ("x", str | None, ("json_value", '"x"')),
        ({"b": 1, "a": (1, 2)}, dict[str, Any], ("json_value", '{"a":[1,2],"b":1}')),
        ([Line("a", 1)], list[Line], ("json_value", '[{"colour":"red","price":1,"sku":"a"}]')),
        (Colour.RED, Colour, ("json_value", '"red"')),
        ({Colour.RED: Size.LARGE}, dict[Colour, Size], ("json_value", '{"red":3}')),
        (
            datetime(2030, 1, 2, 14, tzinfo=timezone(timedelta(hours=2))),
            datetime,
            ("json_value", '"2030-01-02T12:00:00Z"'),
        ),
    ],
)
def test_a_result_is_one_output_of_its_annotated_kind(result, annotation, expected):
    assert outputs(result, annotation) == {"result": expected}


def test_an_array_keeps_its_kind_even_when_empty():
    assert Outputs(list[str]).of([])["result"].WhichOneof("value") == "string_array"
    assert list(Outputs(list[float]).of([1, 2])["result"].double_array.double_values) == [1.0, 2.0]


@pytest.mark.parametrize("annotation", [Line, Any, Line | None])
def test_a_dataclass_is_one_output_for_each_field(annotation):
    assert outputs(Line("a", 2), annotation) == {
        "sku": ("string_value", "a"),
        "price": ("double_value", 2.0),
        "colour": ("json_value", '"red"'),
    }


@pytest.mark.parametrize("annotation", [None, Any, Line | None])
def test_nothing_is_no_output(annotation):
    assert Outputs(annotation).of(None) == {}


@pytest.mark.parametrize(
    ("result", "annotation", "message"),
    [
        (None, str, "result: expected str, got nothing"),
        (None, Line, "result: expected Line, got nothing"),
        (5, Line, "result: expected Line, got int"),
        (5, None, "result: expected None, got int"),
        ("secret", int, "result: expected INT_VALUE, got STRING_VALUE"),
        (1 << 63, int, "result: holds an integer out of the range of 64 bits"),
        (float("nan"), float, "result: holds a double that is NaN or infinite"),
        (b"secret", Any, "result: bytes has no form as a value; return what JSON can hold"),
        ({"a": {1}}, Any, "result['a']: set has no form as a value; return what JSON can hold"),
        ({1: 2}, Any, "result: keys must be str, not int"),
        (datetime(2030, 1, 1), datetime, "result: the datetime has no time zone"),  # noqa: DTZ001
        (Line(5, 1.0), Line, "sku: expected STRING_VALUE, got INT_VALUE"),  # type: ignore[arg-type]
    ],
)
def test_results_that_do_not_fit_are_refused_without_being_repeated(result, annotation, message):
    with pytest.raises(ConversionError) as caught:
        Outputs(annotation).of(result)
    assert str(caught.value) == message


def test_what_one_task_returns_another_can_take():
    returned = Outputs(list[Order]).of([ORDER])["result"]
    assert bind_inputs(taking(list[Order]), {"it": returned})["it"] == [ORDER]


def test_a_json_list_is_read_for_a_typed_array():
    assert bind(list[int], [1, 2], ValueKind.JSON) == [1, 2]
