"""Rows 38 to 40: pictures, exports, and the revision that an execution keeps."""

import json
from datetime import UTC, datetime, timedelta

from perdure import App
from perdure.engine.definitions import Definitions
from perdure.render.picture import picture_of_integration
from perdure.service.export import Export
from perdure.store.records import IntegrationKey
from perdure.testing.server import local_server
from perdure.v1.render_pb2 import RenderIntegrationRequest
from tests.features.feature import feature
from tests.service.serving import definition

app = App("whole")

BRANCHES = """
    name: "branches"
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
    tasks { task_id: "look" assign { assignments { parameter: "n" expression: "params.n + 1" } }
            next_tasks { task_id: "large" condition: "params.n > 100" } next_tasks { task_id: "end" } }
    tasks { task_id: "large" assign { assignments { parameter: "n" expression: "100" } } }
    tasks { task_id: "end" assign { assignments { parameter: "n" expression: "params.n * 2" } } }
"""


@app.integration()
def inner(n: int) -> int:
    return n + 1


@app.integration()
def outer(n: int) -> int:
    return inner(n)


first = App("first")
second = App("second")


@first.integration(id="priced")
def doubled(n: int) -> int:
    return n * 2


@second.integration(id="priced")
def tripled(n: int) -> int:
    return n * 3


@feature(38, without=lambda patch: patch.setattr("perdure.render.picture._arrows", lambda *_: ()))
async def test_the_graph_of_an_integration_can_be_drawn():
    async with local_server() as server:
        await server.client.deploy(definition(BRANCHES))
        picture = await server.client.render_integration("branches", picture=RenderIntegrationRequest.FORMAT_DOT)
        assert 'label="params.n > 100"' in picture.content
        assert all(f'label="{task}\\n' in picture.content for task in ("look", "large", "end"))
        assert picture.content.count(" -> ") == 3
        svg = await server.client.render_integration("branches")
        assert svg.media_type == "image/svg+xml"
        assert "params.n &gt; 100" in svg.content


def without_states(patch):
    def plain(execution, names):
        return picture_of_integration(execution.graph.integration, names)

    patch.setattr("perdure.service.rendering.picture_of_execution", plain)


@feature(38, without=without_states)
async def test_the_picture_of_an_execution_shows_how_far_it_came():
    async with local_server() as server:
        await server.client.deploy(definition(BRANCHES))
        name = (await server.client.execute("branches", {"n": 1})).name
        picture = await server.client.render_execution(name, picture=RenderIntegrationRequest.FORMAT_TERMINAL)
        words = [set(line.split()) for line in picture.content.splitlines()]
        for task, state in {"look": "succeeded", "large": "skipped", "end": "succeeded"}.items():
            assert any({task, "assign", state} <= line for line in words), task


async def exported(client, name, **options):
    """Reads an export, as pairs of the type of a line and what it holds."""
    lines = [json.loads(line) async for line in client.export(name, **options)]
    return [(line["type"], line.get(line["type"])) for line in lines]


def without_history(patch):
    async def nothing(*_):
        return
        yield

    patch.setattr(Export, "_history", nothing)


@feature(39, without=without_history)
async def test_an_export_has_all_that_is_kept_of_an_execution():
    async with local_server() as server:
        await server.client.deploy(definition(BRANCHES))
        name = (await server.client.execute("branches", {"n": 1})).name
        lines = await exported(server.client, name)
        assert (lines[0][0], lines[-1][0]) == ("header", "footer")
        assert [held["name"] for kind, held in lines if kind == "execution"] == [name]
        assert len([kind for kind, _ in lines if kind == "integration_revision"]) == 1
        sequences = [int(held["sequence"]) for kind, held in lines if kind == "event"]
        assert sequences == [event.sequence async for event in server.client.events(name)]
        snapshots = {held["name"] for kind, held in lines if kind == "snapshot"}
        assert snapshots == {snapshot.name async for snapshot in server.client.snapshots(name)}


def without_tree(patch):
    patch.setattr(Export, "_tree", Export._execution)


@feature(39, without=without_tree)
async def test_an_export_can_have_the_sub_executions_too():
    async with local_server(app) as server:
        shown = await server.client.get((await server.client.execute("outer", {"n": 1})).name)
        (child,) = shown.direct_sub_executions
        lines = await exported(server.client, shown.name, include_sub_executions=True)
        assert [held["name"] for kind, held in lines if kind == "execution"] == [shown.name, child.name]


def without_pins(patch):
    async def latest(definitions, project, created):
        found = await definitions.latest(IntegrationKey(project, created.integration))
        return found.graph(created.trigger_id)

    patch.setattr(Definitions, "graph_of", latest)


@feature(40, without=without_pins)
async def test_an_execution_keeps_the_revision_that_it_was_created_with(tmp_path):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with local_server(first, data=tmp_path) as server:
        held = (await server.client.schedule("priced", {"n": 7}, at=tomorrow)).name
        revision = await server.client.integrations.get("priced")
    async with local_server(second, data=tmp_path) as server:
        await server.client.start_held(held)
        shown = await server.client.get(held)
        assert shown.response_parameters["result"].int_value == 14
        assert (shown.integration_revision_id, shown.snapshot_number) == (revision.revision_id, 1)
        newer = await server.client.execute("priced", {"n": 7})
        assert newer.outputs == {"result": 21}
        assert (await server.client.get(newer.name)).snapshot_number == 2
