"""Starting executions: methods, request ids, held executions, wildcards, inputs (rows 1 to 3, 5 to 9, 11)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from perdure.domain.errors import AlreadyExists, InvalidRequest, NotFound, WrongState
from perdure.domain.limits import LABELS_MAX, SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState
from perdure.store.records import IntegrationKey
from tests.engine.harness import ONE, TWO, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_accepted_execution_is_durable_before_its_task_is_offered(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        key = await bench.start("one")
        assert await bench.store.get_row(key) is not None
        assert (await bench.workers.next()).key == key


async def test_the_same_request_id_starts_one_execution(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        answers = await asyncio.gather(*(bench.execute("one", request_id="r1") for _ in range(20)))
        assert len({answer.executions for answer in answers}) == 1
        assert [answer.repeated for answer in answers].count(False) == 1
        assert len(await bench.rows()) == 1


async def test_a_request_id_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        first = await bench.execute("one", request_id="r1")
    async with running(tmp_path) as bench:
        again = await bench.execute("one", request_id="r1")
        assert again.repeated
        assert again.executions == first.executions


async def test_a_request_id_used_for_another_request_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.execute("one", request_id="r1")
        with pytest.raises(AlreadyExists) as refused:
            await bench.execute("one", request_id="r1", priority=7)
        assert refused.value.reason_name == "REQUEST_ID_REUSED"
    async with running(tmp_path) as bench:
        with pytest.raises(AlreadyExists):
            await bench.execute("one", request_id="r1", priority=7)


async def test_a_refused_request_does_not_use_up_its_request_id(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        with pytest.raises(NotFound):
            await bench.execute("one", request_id="r1")
        await bench.deploy("one", ONE)
        assert not (await bench.execute("one", request_id="r1")).repeated


async def test_a_caller_that_goes_away_leaves_the_start_running(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        calling = asyncio.ensure_future(bench.execute("one", request_id="r1"))
        await asyncio.sleep(0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        answer = await bench.execute("one", request_id="r1")
        assert answer.repeated
        assert len(await bench.rows()) == 1


async def test_an_execution_id_that_is_taken_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        key = await bench.start("one", user_execution_id="mine")
        with pytest.raises(AlreadyExists):
            await bench.execute("one", user_execution_id="mine")
        await bench.succeed(await bench.workers.next())
        await bench.ended(key)
        with pytest.raises(AlreadyExists):
            await bench.execute("one", user_execution_id="mine")
        assert (await bench.state(key)).state is ExecutionState.SUCCEEDED


async def test_labels_of_the_call_go_before_those_of_the_integration(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, labels={"team": "red", "tier": "base"})
        key = await bench.start("one", labels={"team": "blue"})
        assert (await bench.state(key)).created.labels == {"team": "blue", "tier": "base"}


async def test_labels_of_the_call_and_of_the_integration_share_one_limit(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, labels={f"own-{n}": "" for n in range(LABELS_MAX)})
        await bench.start("one", labels={"own-0": "overridden"})
        with pytest.raises(InvalidRequest, match="labels: are 65 with those of the integration"):
            await bench.start("one", labels={"more": ""})
        assert len(await bench.rows()) == 1


async def test_a_scheduled_execution_waits_for_its_time(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        when = bench.clock.now() + 20 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=when)
        assert (await bench.state(key)).state is ExecutionState.PENDING
        bench.clock.advance(19)
        await bench.settle()
        assert bench.workers.seen == []
        bench.clock.advance(2)
        assert (await bench.workers.next()).key == key


async def test_a_schedule_time_in_the_past_means_now(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        past = bench.clock.now() - 3600 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=past)
        assert (await bench.workers.next()).key == key


async def test_an_execution_on_hold_starts_by_its_id_once(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        tomorrow = bench.clock.now() + 86_400 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=tomorrow)
        await bench.execute("one", held_execution_id=key.execution)
        assert (await bench.workers.next()).key == key
        with pytest.raises(WrongState):
            await bench.execute("one", held_execution_id=key.execution)


async def test_the_wildcard_starts_every_integration_with_the_trigger(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        for name in ("one", "two"):
            await bench.deploy(name, ONE, triggers=[{"triggerId": "api_trigger/x"}])
        await bench.deploy("other", ONE)
        answer = await bench.execute("-", trigger_id="api_trigger/x")
        assert [integration for _, integration in answer.executions] == ["one", "two"]
        with pytest.raises(NotFound):
            await bench.execute("-", trigger_id="api_trigger/y")


async def test_every_fault_of_the_inputs_is_reported_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        parameters = [
            {"key": "n", "dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_IN"},
            {"key": "s", "dataType": "DATA_TYPE_STRING_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_IN"},
        ]
        await bench.deploy("typed", ONE, parameters=parameters)
        with pytest.raises(InvalidRequest) as refused:
            await bench.execute("typed", {"n": "three", "x": 1})
        paths = [violation.path for violation in refused.value.violations]
        assert paths == ['input_parameters["n"]', 'input_parameters["x"]', 'input_parameters["s"]']
        assert await bench.rows() == []


async def test_a_deployed_integration_carries_the_store_revision_of_its_commit(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = IntegrationKey("p", "one")
        before = bench.store.committed_revision()
        await bench.deploy("one", ONE)
        first = await bench.engine.integrations.get(key)
        assert first.integration.store_revision == first.revision.store_revision == before + 1
        await bench.deploy("one", TWO)
        second = await bench.engine.integrations.get(key)
        assert second.integration.store_revision == before + 2
        assert (await bench.engine.integrations.get_revision(key, first.revision.revision_id)) == first.revision


async def test_a_held_execution_started_under_a_request_id_is_started_once_over_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        tomorrow = bench.clock.now() + 86_400 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=tomorrow)
        first = await bench.execute("one", held_execution_id=key.execution, request_id="go")
    async with running(tmp_path) as bench:
        again = await bench.execute("one", held_execution_id=key.execution, request_id="go")
        assert again.repeated
        assert again.executions == first.executions
        with pytest.raises(AlreadyExists):
            await bench.execute("one", held_execution_id="another", request_id="go")
