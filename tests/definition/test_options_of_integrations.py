"""What an integration says of its executions besides its graph: how long they are kept, what finds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from perdure import App, DefinitionError, Retention
from perdure.codec.integrations import find_faults, read_integration
from perdure.definition.yaml_loader import load_integration
from perdure.domain import integration as rules
from tests.domain.builders import EVALUATOR

DAY = 24 * 3600 * 1_000_000


@dataclass
class Receipt:
    number: int
    lines: list[str]


def shop(**options):
    """Make an integration with some options."""
    app = App("shop")

    @app.task
    def charge(order_id: str, amount: float) -> Receipt:
        return Receipt(1, [order_id, str(amount)])

    @app.integration(**options)
    def order(order_id: str, amount: float) -> Receipt:
        return charge(order_id, amount)

    return order


def read(**options):
    definition = shop(**options).definition
    assert find_faults(definition, EVALUATOR) == []
    return read_integration(definition, "000001-a4d", 1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None),
        (Retention(), rules.Retention()),
        (Retention(max_age="7d", max_count=1000), rules.Retention(7 * DAY, 1000)),
        (Retention(max_age=timedelta(minutes=1)), rules.Retention(60_000_000)),
        (Retention(max_count=1), rules.Retention(max_count=1)),
    ],
)
def test_an_integration_says_how_long_its_executions_are_kept(written, expected):
    assert read(retention=written).retention == expected


def test_inputs_and_outputs_are_searchable_alike():
    assert set(read(searchable=["order_id", "amount", "number"]).searchable) == {"order_id", "amount", "number"}
    assert read().searchable == ()


def test_a_list_that_is_searchable_is_a_fault_of_the_definition():
    (fault,) = find_faults(shop(searchable=["lines"]).definition, EVALUATOR)
    assert fault.path == "integration.parameters[3].searchable"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retention": Retention(max_age="soon")}, "'soon' is no length of time"),
        ({"retention": Retention(max_count=0)}, "keeps nothing"),
        ({"searchable": "order_id"}, r"write searchable=\['order_id'\]"),
        ({"searchable": ["ordr_id"]}, "'ordr_id' is neither an input nor an output; known are: order_id, amount"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, told):
    with pytest.raises(DefinitionError, match=told):
        shop(**options).definition  # noqa: B018 - recording it is what fails


def test_yaml_says_both():
    pytest.importorskip("ruamel.yaml")
    text = """
parameters:
  - {key: order_id, dataType: DATA_TYPE_STRING_VALUE, inputOutputType: INPUT_OUTPUT_TYPE_IN, searchable: true}
tasks: [{taskId: a, task: h}]
retention: {maxAge: 604800s, maxCount: "1000"}
"""
    definition = load_integration(text, "order.yaml")
    assert find_faults(definition, EVALUATOR) == []
    integration = read_integration(definition, "000001-a4d", 1)
    assert integration.retention == rules.Retention(7 * DAY, 1000)
    assert integration.searchable == ("order_id",)
