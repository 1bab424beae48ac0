"""Which snapshots are kept, and what can be read of them and replayed from them (row 49)."""

import grpc
import pytest

from perdure.v1.execution_service_pb2 import (
    GetExecutionRequest,
    GetExecutionSnapshotRequest,
    ListExecutionSnapshotsRequest,
)
from tests.service.replaying import DIVIDE, Execution, deploy, get, replay, run
from tests.service.serving import ints, refused, serving

ALL, LAST, NONE = (getattr(Execution, f"SAVEPOINT_RETENTION_{name}") for name in ("ALL", "LAST", "NONE"))


@pytest.fixture
async def stubs(tmp_path):
    async with serving(tmp_path / "data") as served:
        await deploy(served, "divide-by", DIVIDE)
        for name in ("LAST", "NONE"):
            await deploy(served, name.lower(), f"{DIVIDE} savepoint_retention: SAVEPOINT_RETENTION_{name}")
        yield served


async def listed(stubs, name):
    """Lists the numbers of the snapshots of an execution, page by page."""
    numbers, token = [], ""
    while True:
        request = ListExecutionSnapshotsRequest(parent=name, page_size=1, page_token=token)
        page = await stubs.executions.ListExecutionSnapshots(request)
        numbers += [int(each.name.rpartition("/")[2]) for each in page.execution_snapshots]
        token = page.next_page_token
        if not token:
            return numbers


def numbers(shown):
    return [int(each.name.rpartition("/")[2]) for each in shown.execution_details.execution_snapshots]


@pytest.mark.parametrize(
    ("integration", "asked", "effective", "kept"),
    [
        ("divide-by", 0, ALL, [3, 2, 1]),
        ("divide-by", LAST, LAST, [3]),
        ("divide-by", NONE, NONE, []),
        ("last", 0, LAST, [3]),
        ("last", ALL, ALL, [3, 2, 1]),
        ("none", 0, NONE, []),
        ("none", LAST, LAST, [3]),
    ],
)
async def test_what_is_kept_is_shown_everywhere_and_nothing_else(stubs, integration, asked, effective, kept):
    name = await run(stubs, integration, input_parameters=ints(n=1, d=2), savepoint_retention=asked)
    shown = await get(stubs, name)
    assert shown.savepoint_retention == effective
    assert numbers(shown) == kept
    assert await listed(stubs, name) == kept
    without = GetExecutionRequest(name=name, snapshot_metadata_without_params=True)
    assert numbers(await stubs.executions.GetExecution(without)) == kept
    # The run itself is the same.
    assert shown.response_parameters["n"].int_value == 10
    for number in (1, 2, 3):
        call = replay(stubs, name, "FROM_SNAPSHOT", snapshot=f"{name}/snapshots/{number}", validate_only=True)
        if number in kept:
            await call
        else:
            told = await refused(call)
            assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "SNAPSHOT_NOT_FOUND")


async def test_a_replay_keeps_snapshots_as_its_original_does(stubs):
    name = await run(stubs, "divide-by", input_parameters=ints(n=1, d=2), savepoint_retention=LAST)
    answer = await replay(stubs, name)
    shown = await get(stubs, answer.execution)
    assert (shown.savepoint_retention, numbers(shown)) == (LAST, [3])


async def test_a_snapshot_is_found_by_its_number_if_it_is_kept(stubs):
    name = await run(stubs, "last", input_parameters=ints(n=1, d=2))
    found = await stubs.executions.GetExecutionSnapshot(GetExecutionSnapshotRequest(name=f"{name}/snapshots/3"))
    assert found.params["n"].int_value == 10
    for number in (1, 2, 4):
        request = GetExecutionSnapshotRequest(name=f"{name}/snapshots/{number}")
        told = await refused(stubs.executions.GetExecutionSnapshot(request))
        assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "SNAPSHOT_NOT_FOUND")
