"""What docs/authoring.md shows is run: traced, deployed and executed on a real server."""

import inspect
from types import ModuleType

import pytest

from perdure.definition.yaml_loader import load_integration
from perdure.testing.server import local_server
from tests.docs.documents import PROJECT, blocks
from tests.docs.pages import module_of

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
]
"""Integration, inputs, outputs."""

YAML_RUNS: list[tuple[dict[str, object], dict[str, object]]] = [
    (ANN, {"receipt": "ann pays 3.50"}),
    ({"lines": LINES}, {"total": 3.5, "note": "worth it"}),
]
"""Inputs and outputs of the YAML blocks, in their order."""


@pytest.fixture
def shop(tmp_path):
    with module_of(AUTHORING, tmp_path) as module:
        yield module


async def test_the_integrations_of_the_page_do_what_they_are_said_to(shop: ModuleType):
    async with local_server(shop.app) as served:
        for integration, inputs, outputs in RUNS:
            result = await served.client.execute(integration, inputs)
            assert (integration, result.outputs) == (integration, outputs)


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
        for position, (text, (inputs, outputs)) in enumerate(zip(texts, YAML_RUNS, strict=True)):
            integration = load_integration(text, f"block {position}")
            integration.name = f"block-{position}"
            deployed = await served.client.deploy(integration)
            result = await served.client.execute(deployed.name, inputs)
            assert result.outputs == outputs
