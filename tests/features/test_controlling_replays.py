"""Rows 44 to 49: replay executions, restore snapshots, and say which snapshots are kept."""

from dataclasses import replace
from types import SimpleNamespace

from perdure import App, PermanentError, suspend
from perdure.engine.replaying.original import _taken
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import Execution, TaskExecutionDetails
from tests.features.feature import feature
from tests.features.observing import deploy, ended, state, task_changes, until_asked

STEPS = """
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
    tasks { task_id: "add" next_tasks { task_id: "double" }
            assign { assignments { parameter: "n" expression: "params.n + 1" } } }
    tasks { task_id: "double" next_tasks { task_id: "tenfold" }
            assign { assignments { parameter: "n" expression: "params.n * 2" } } }
    tasks { task_id: "tenfold" assign { assignments { parameter: "n" expression: "params.n * 10" } } }
"""

IN_PROCESS = TaskExecutionDetails.IN_PROCESS
POINT_OF_FAILURE = Execution.REPLAY_MODE_POINT_OF_FAILURE

app = App("replays")


@app.task
def reserve(count: int) -> int:
    return count + 1


@app.task
def charge(amount: int, card: str) -> str:
    if card == "expired":
        raise PermanentError("the card has expired", code="CARD_EXPIRED")
    return f"{amount} from {card}"


@app.integration
def order(count: int, card: str = "none") -> str:
    return charge(reserve(count), card)


@app.integration(savepoint_retention="last")
def keeps_the_last(count: int) -> str:
    return charge(reserve(count), "visa")


@app.integration(savepoint_retention="none")
def keeps_none(count: int) -> str:
    return charge(reserve(count), "visa")


@app.integration
def approved() -> None:
    suspend("May it go on?")


async def attempts(client, execution, task):
    """Counts the attempts of a task in one execution, without those that a replay has taken over."""
    changes = await task_changes(client, execution, task)
    return len([change for change in changes if change.state == IN_PROCESS])


def without_inputs_of_the_original(patch):
    patch.setattr("perdure.engine.replaying.replayer.modified", lambda _, request: dict(request.inputs))


@feature(44, without=without_inputs_of_the_original)
async def test_a_replay_runs_everything_again_with_the_inputs_of_the_original():
    async with local_server(app) as server:
        original = await server.client.execute("order", {"count": 2, "card": "visa"})
        again = await server.client.replay(original.name, "to be sure", wait=True)
        assert again.name != original.name
        assert again.outputs == original.outputs == {"result": "3 from visa"}


def without_links(patch):
    patch.setattr("perdure.engine.replaying.replayer.LINKS_MAX", 0)


@feature(44, without=without_links)
async def test_a_replay_and_its_original_name_each_other_and_the_reason():
    async with local_server(app) as server:
        original = await server.client.execute("order", {"count": 2})
        again = await server.client.replay(original.name, "to be sure", wait=True)
        told = (await server.client.get(again.name)).replay_info
        assert (told.original_execution, told.replay_reason) == (original.name, "to be sure")
        assert list((await server.client.get(original.name)).replay_info.replayed_executions) == [again.name]


def without_tasks_taken_over(patch):
    patch.setattr("perdure.engine.replaying.original._taken", lambda execution: replace(_taken(execution), done={}))


@feature(45, without=without_tasks_taken_over)
async def test_a_replay_from_the_point_of_failure_does_not_repeat_what_was_done():
    async with local_server(app) as server:
        original = (await server.client.start("order", {"count": 2, "card": "expired"})).name
        assert state(await ended(server.client, original)) == "FAILED"
        again = await server.client.replay(original, "the card is renewed", mode=POINT_OF_FAILURE)
        await ended(server.client, again.name)
        assert await attempts(server.client, again.name, "reserve") == 0
        assert await attempts(server.client, again.name, "charge") == 1


def without_modified_parameters(patch):
    patch.setattr("perdure.engine.replaying.replayer.modified", lambda original, _: dict(original))


@feature(46, without=without_modified_parameters)
async def test_a_replay_takes_other_values_of_parameters():
    async with local_server(app) as server:
        original = await server.client.execute("order", {"count": 2, "card": "visa"})
        again = await server.client.replay(original.name, "another", modified_parameters={"card": "amex"}, wait=True)
        assert again.outputs == {"result": "3 from amex"}


def without_the_mask(patch):
    patch.setattr("perdure.engine.replaying.parameters.drops_original", lambda _: False)


@feature(46, without=without_the_mask)
async def test_without_a_mask_the_modified_parameters_are_all_there_are():
    async with local_server(app) as server:
        original = await server.client.execute("order", {"count": 2, "card": "visa"})
        again = await server.client.replay(
            original.name, "afresh", modified_parameters={"count": 7}, only_modified=True, wait=True
        )
        assert again.outputs == {"result": "8 from none"}


def without_the_cancel(patch):
    async def found(_, __, original):
        return original

    patch.setattr("perdure.engine.replaying.replayer.Replayer._cancel_original", found)


@feature(47, without=without_the_cancel)
async def test_a_held_execution_can_be_cancelled_and_replayed_at_once():
    async with local_server(app) as server:
        held = (await server.client.start("approved")).name
        await until_asked(server.client, held)
        again = await server.client.replay(held, "ask again", cancel_original=True)
        assert state(await server.client.get(held)) == "CANCELLED"
        await until_asked(server.client, again.name)
        assert (await server.client.get(again.name)).replay_info.original_execution == held


def without_going_back(patch):
    async def as_it_ended(_, __, found, ___):
        return found

    patch.setattr("perdure.engine.replaying.original.Originals.at_point", as_it_ended)


@feature(48, without=without_going_back)
async def test_a_snapshot_restores_parameters_and_tasks():
    async with local_server(app) as server:
        await deploy(server.client, "steps", STEPS)
        original = await server.client.execute("steps", {"n": 1})
        assert original.outputs == {"n": 40}
        first = await server.client.snapshot(original.name, 1)
        assert first.params["n"].int_value == 2
        again = await server.client.replay(original.name, "try five", snapshot=1, wait=True)
        assert again.outputs == {"n": 40}
        assert await attempts(server.client, again.name, "add") == 0
        assert await attempts(server.client, again.name, "double") == 1


async def numbers_of_snapshots(server, integration):
    execution = await server.client.execute(integration, {"count": 1})
    return [each.name.rpartition("/")[2] async for each in server.client.snapshots(execution.name)]


def without_retention_of_snapshots(patch):
    patch.setattr("perdure.domain.decide.running.SavepointRetention", SimpleNamespace(LAST=None, NONE=None))


@feature(49, without=without_retention_of_snapshots)
async def test_all_snapshots_are_kept_or_the_last_or_none():
    async with local_server(app) as server:
        assert await numbers_of_snapshots(server, "order") == ["2", "1"]
        assert await numbers_of_snapshots(server, "keeps_the_last") == ["2"]
        assert await numbers_of_snapshots(server, "keeps_none") == []
