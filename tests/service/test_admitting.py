"""What a trigger's criteria and the new settings of Execute do (rows 49, 64)."""

import grpc
import pytest

from tests.service.played import LOCATION, playing, state_of
from tests.service.serving import ints, refused

PICKY = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN
                 default_value { int_value: 0 } }
    triggers { trigger_id: "api/big" criteria: "params.x > 10" }
    triggers { trigger_id: "api/tried" criteria: "execution.development && execution.bucket >= 0" }
    triggers { trigger_id: "api/broken" criteria: "1 / params.x > 0" }
    triggers { trigger_id: "api/any" }
    tasks { task_id: "a" task: "work" }
"""
OUTER = """
    tasks { task_id: "s" sub_integration { integration_id: "picky" trigger_id: "api/big" } }
"""
KEPT = """
    savepoint_retention: SAVEPOINT_RETENTION_LAST
    tasks { task_id: "a" task: "work" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" }
"""
CHILD = 'tasks { task_id: "s" sub_integration { integration_id: "kept" } }'


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("picky", PICKY)
        yield world


async def test_criteria_decide_whether_an_execution_starts(world):
    name = await world.start("picky", trigger_id="api/big", input_parameters=ints(x=11))
    assert state_of(await world.ended(name)) == "SUCCEEDED"
    for trigger, said in (("api/big", "not met"), ("api/broken", "cannot be evaluated")):
        told = await refused(world.start("picky", trigger_id=trigger, user_execution_id="mine"))
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TRIGGER_CRITERIA_NOT_MET")
        assert said in told.message
    told = await refused(world.start("picky", trigger_id="api/big", validate_only=True))
    assert told.reason == "TRIGGER_CRITERIA_NOT_MET"
    assert (await refused(world.get(f"{LOCATION}/integrations/picky/executions/mine"))).code is (
        grpc.StatusCode.NOT_FOUND
    )


async def test_criteria_know_the_execution(world):
    told = await refused(world.start("picky", trigger_id="api/tried"))
    assert told.reason == "TRIGGER_CRITERIA_NOT_MET"
    assert await world.start("picky", trigger_id="api/tried", development=True)


async def test_integrations_whose_criteria_are_not_met_do_not_match_a_wildcard(world):
    await world.deploy("easy", PICKY.replace("params.x > 10", "params.x > 1"))
    name = await world.start("-", trigger_id="api/big", input_parameters=ints(x=5))
    assert "/integrations/easy/" in name
    told = await refused(world.start("-", trigger_id="api/big", input_parameters=ints(x=1)))
    assert told.reason == "TRIGGER_CRITERIA_NOT_MET"


async def test_a_sub_execution_that_is_not_started_fails_its_task(world):
    await world.deploy("outer", OUTER)
    ended = await world.ended(await world.start("outer"))
    assert (state_of(ended), ended.error.code) == ("FAILED", "TRIGGER_CRITERIA_NOT_MET")


async def test_a_call_chooses_which_snapshots_are_kept_and_children_have_their_own(world):
    await world.deploy("kept", KEPT)
    await world.deploy("parent", CHILD)
    retention = type(await world.get(await world.start("kept"))).SavepointRetention
    for given, shown in (
        ({}, "SAVEPOINT_RETENTION_LAST"),
        ({"savepoint_retention": "SAVEPOINT_RETENTION_NONE"}, "SAVEPOINT_RETENTION_NONE"),
        ({"savepoint_retention": "SAVEPOINT_RETENTION_ALL"}, "SAVEPOINT_RETENTION_ALL"),
    ):
        ended = await world.ended(await world.start("kept", **given))
        assert retention.Name(ended.savepoint_retention) == shown
    whole = await world.start("parent", savepoint_retention="SAVEPOINT_RETENTION_ALL", development=True, priority=7)
    (child,) = (await world.ended(whole)).direct_sub_executions
    child = await world.get(child.name)
    assert retention.Name(child.savepoint_retention) == "SAVEPOINT_RETENTION_LAST"
    assert (child.development, child.priority) == (True, 7)
    told = await refused(world.start("kept", savepoint_retention=9))
    assert told.fields == ["savepoint_retention"]


async def test_what_a_request_id_stands_for_includes_the_new_settings(world):
    first = await world.start("picky", request_id="r", development=True)
    assert await world.start("picky", request_id="r", development=True) == first
    for other in (
        {},
        {"development": True, "breakpoints": {}},
        {"development": True, "savepoint_retention": "SAVEPOINT_RETENTION_NONE"},
    ):
        assert (await refused(world.start("picky", request_id="r", **other))).reason == "REQUEST_ID_REUSED"
