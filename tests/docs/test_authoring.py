"""What docs/authoring.md shows is run: traced, deployed and executed on a real server."""

import inspect
from types import ModuleType

import pytest

from perdure.client.errors import ExecutionFailed
from perdure.codec.integrations import find_faults
from perdure.definition.yaml_loader import load_integration
from perdure.testing.server import local_server
from tests.definition.performing import Performance
from tests.docs.documents import PROJECT, blocks
from tests.docs.pages import module_of
from tests.domain.builders import EVALUATOR

AUTHORING = PROJECT / "docs" / "authoring.md"
LINES: list[dict[str, object]] = [{"sku": "apple", "count": 4}, {"sku": "pear", "count": 2}]
ANN: dict[str, object] = {"customer": "ann", "lines": LINES}


RUNS: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("order", ANN, {"result": "ann pays 3.50"}),
    ("order", {"customer": "bob", "lines": [{"sku": "fig", "count": 1}]}, {"result": "bob pays 0.00"}),
    ("ship", ANN, {"result": "ann, 720 g"}),
    ("invoice", {"lines": LINES}, {"result": 3.5}),
    ("welcome", ANN, {"result": "ann pays 3.50"}),
    ("send", {"parcel": "p1"}, {"result": 3}),
    ("promote", {"sku": "fig"}, {}),
    ("stay", {"room": "7", "amount": 5.0}, {"result": 5.0}),
    ("visit", {"room": "7", "amount": 5.0}, {"result": "7 pays 2.00"}),
    ("visit", {"room": "7", "amount": 500.0}, {"result": "7 pays 2.00"}),
    ("offer", ANN, {"result": "ann pays 2.00"}),
]
"""Integration, inputs, outputs."""

SEEN = {"paid": {"amount": 2.0, "by": "eve"}}
PERFORMED: list[tuple[str, dict[str, object], list[str]]] = [
    ("thank", {"customer": "ann", "amount": 500.0}, ["tell_2"]),
    ("promote", {"sku": "fig"}, ["advertise"]),
    ("stay", {"room": "7", "amount": 5.0}, ["book", "pay"]),
    ("stay", {"room": "7", "amount": 500.0}, ["book", "pay", "!book"]),
    ("visit", {"room": "7", "amount": 5.0}, ["lock", "pay", "charge", "unlock"]),
    ("visit", {"room": "7", "amount": 500.0}, ["lock", "pay", "tell_2", "pay_2", "charge", "unlock"]),
    ("sell", {"customer": "ann", "decisions": [(True, ""), (True, "")], "signals": SEEN}, ["draft", "tell", "charge"]),
    ("sell", {"customer": "ann", "decisions": [(True, "")], "signals": SEEN}, ["draft", "tell", "tell_2", "charge"]),
    ("sell", {"customer": "ann"}, ["draft", "tell", "tell_2"]),
]
"""Integration, inputs and answers, and the tasks that handlers perform; those of undos with an exclamation mark."""

YAML_RUNS: list[tuple[dict[str, object], dict[str, object]]] = [
    (ANN, {"receipt": "ann pays 3.50"}),
    ({"lines": LINES}, {"total": 3.5, "note": "worth it"}),
    ({"room": "7", "amount": 500.0}, {"said": "CARD_REFUSED"}),
]
"""Inputs and outputs of the YAML blocks that nobody has to answer, in their order."""


@pytest.fixture
def shop(tmp_path):
    with module_of(AUTHORING, tmp_path) as module:
        yield module


async def test_the_integrations_of_the_page_do_what_they_are_said_to(shop: ModuleType):
    async with local_server(shop.app) as served:
        for integration, inputs, outputs in RUNS:
            result = await served.client.execute(integration, inputs)
            assert (integration, result.outputs) == (integration, outputs)


@pytest.mark.parametrize(("name", "given", "order"), PERFORMED)
def test_failures_and_waits_go_as_the_page_says(shop: ModuleType, name, given, order):
    assert Performance(shop.app, shop.app.integrations[name], **given).order == order


def test_every_definition_of_the_page_is_right(shop: ModuleType):
    pytest.importorskip("ruamel.yaml")
    traced = [integration.definition for integration in shop.app.integrations.values()]
    written = [load_integration(text, "page") for _, text in blocks(AUTHORING, "yaml")]
    assert [find_faults(definition, EVALUATOR) for definition in traced + written] == [[]] * len(traced + written)


async def test_a_failed_execution_is_undone_as_the_page_says(shop: ModuleType, capsys):
    async with local_server(shop.app) as served:
        with pytest.raises(ExecutionFailed, match="the card is refused"):
            await served.client.execute("stay", {"room": "7", "amount": 500.0})
        assert "7-1 of 7 is free again" in capsys.readouterr().out


async def test_the_tests_of_the_page_pass(shop: ModuleType):
    tests = [each for name, each in vars(shop).items() if name.startswith("test_")]
    assert tests
    for each in tests:
        assert inspect.iscoroutinefunction(each)
        await each()


async def test_the_yaml_of_the_page_is_deployed_and_does_the_same(shop: ModuleType):
    pytest.importorskip("ruamel.yaml")
    texts = [text for _, text in blocks(AUTHORING, "yaml")]
    async with local_server(shop.app) as served:
        for position, (text, (inputs, outputs)) in enumerate(zip(texts, YAML_RUNS, strict=False)):
            integration = load_integration(text, f"block {position}")
            integration.name = f"block-{position}"
            deployed = await served.client.deploy(integration)
            result = await served.client.execute(deployed.name, inputs)
            assert result.outputs == outputs
