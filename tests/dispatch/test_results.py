"""What becomes of results: acknowledged when durable, rejected when stale, never silently dropped."""

import pytest

from perdure.codec.tokens import Lease, TokenCodec
from perdure.v1 import worker_service_pb2 as pb
from perdure.v1.error_pb2 import Error
from perdure.v1.error_reason_pb2 import ErrorReason
from perdure.v1.value_pb2 import ValueType
from tests.dispatch.harness import settle


@pytest.fixture
async def peer(stage):
    """A worker that has been given the task `a`."""
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("a")
    await settle()
    return peer


async def test_a_result_is_acknowledged_only_when_it_is_durable(stage, peer):
    stage.ledger.durable.clear()
    await peer.succeed(peer.leases[0], total=3)
    assert stage.ledger.kinds() == [("succeeded", "a")]
    assert peer.acknowledged == []
    stage.ledger.durable.set()
    await settle()
    assert peer.acknowledged == [1]
    assert not stage.holds("a")


async def test_results_that_become_durable_together_are_acknowledged_in_one_message(stage, peer):
    await peer.credit(work=2)
    stage.offer("b")
    stage.offer("c")
    await settle()
    stage.ledger.durable.clear()
    for number, lease in enumerate(peer.leases, 1):
        await peer.succeed(lease, number)
    # All of them were submitted before the first was durable, so they share a commit.
    assert len(stage.ledger.reports) == 3
    stage.ledger.durable.set()
    await settle()
    assert [list(acks.result_numbers) for acks in peer.all("result_acks")] == [[1, 2, 3]]


async def test_a_failure_reaches_the_engine_with_its_code(stage, peer):
    error = Error(code="OUT_OF_STOCK", message="none left", payload='{"sku":"x"}', stack_trace="Traceback")
    await peer.result(peer.leases[0], failed=pb.TaskResult.Failed(error=error, retryable=False))
    failure, worker = stage.ledger.reports[0][3]
    assert (failure.code, failure.message, failure.payload) == ("OUT_OF_STOCK", "none left", '{"sku":"x"}')
    assert not failure.retryable
    assert worker == "w1"


async def test_a_failure_is_retryable_unless_it_says_otherwise(stage, peer):
    await peer.result(peer.leases[0], failed=pb.TaskResult.Failed(error=Error(code="not well formed")))
    failure, _ = stage.ledger.reports[0][3]
    assert failure.retryable
    assert failure.code == "HANDLER_ERROR"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (ValueType(string_value="x" * (1 << 20)), "VALUE_TOO_LARGE"),
        (ValueType(json_value='{"a":'), "INVALID_JSON"),
        (ValueType(), "INVALID_FIELD"),
    ],
)
async def test_an_output_that_is_refused_fails_the_attempt_for_good(stage, peer, output, code):
    await peer.result(peer.leases[0], succeeded=pb.TaskResult.Succeeded(outputs={"total": output}))
    kind, _, _, (failure, _) = stage.ledger.reports[0]
    assert (kind, failure.code, failure.retryable) == ("failed", code, False)
    assert peer.acknowledged == [1]


async def test_outputs_that_are_too_large_together_fail_the_attempt_for_good(stage, peer):
    large = ValueType(string_value="x" * 800_000)
    await peer.result(peer.leases[0], succeeded=pb.TaskResult.Succeeded(outputs=dict.fromkeys("abc", large)))
    kind, _, _, (failure, _) = stage.ledger.reports[0]
    assert (kind, failure.code, failure.retryable) == ("failed", "VALUE_TOO_LARGE", False)
    assert peer.acknowledged == [1]


async def test_a_result_without_outcome_is_a_failure(stage, peer):
    await peer.result(peer.leases[0])
    assert stage.ledger.kinds() == [("failed", "a")]


async def test_completing_twice_counts_once(stage, peer):
    await peer.succeed(peer.leases[0], 1)
    await peer.succeed(peer.leases[0], 2)
    assert stage.ledger.kinds() == [("succeeded", "a"), ("stale", "a")]
    assert peer.acknowledged == [1]
    assert peer.rejected == [(2, ErrorReason.LEASE_LOST)]


async def test_a_result_the_engine_finds_stale_is_rejected(stage, peer):
    stage.ledger.gone.add((*next(iter(peer.session.worker.leases.values())).name,))
    await peer.succeed(peer.leases[0])
    assert peer.rejected == [(1, ErrorReason.LEASE_LOST)]


async def test_a_forged_lease_is_rejected_and_never_reaches_the_engine(stage, peer):
    forged = TokenCodec({1: b"f" * 32}).seal_lease(Lease("default", "e1", "a", 1, 1, 1))
    for number, lease in enumerate((forged, "nonsense", "", peer.leases[0][:-2] + "AA"), 1):
        await peer.succeed(lease, number)
    assert stage.ledger.reports == []
    assert [number for number, _ in peer.rejected] == [1, 2, 3, 4]
    assert stage.holds("a")


async def test_a_lease_of_another_worker_is_rejected(stage, peer):
    thief = await stage.connect("thief")
    await thief.succeed(peer.leases[0])
    assert stage.ledger.reports == []
    assert thief.rejected == [(1, ErrorReason.LEASE_LOST)]


async def test_a_lease_of_another_project_is_rejected(stage):
    lease = stage.tokens.seal_lease(Lease("alien", "e1", "a", 1, 1, 1))
    peer = await stage.connect()
    await peer.succeed(lease)
    assert stage.ledger.reports == []
    assert peer.rejected == [(1, ErrorReason.LEASE_LOST)]


async def test_a_result_the_store_refused_comes_again_and_counts(stage, peer):
    stage.ledger.refusing = True
    await peer.succeed(peer.leases[0])
    assert peer.acknowledged == []
    assert peer.rejected == []
    # The worker is sent away for a moment, with its lease.
    assert peer.all("go_away")[0].reconnect_after.ToMilliseconds() == 1_000
    assert peer.ended
    assert stage.holds("a")
    stage.ledger.refusing = False
    again = await stage.connect(held=peer.leases)
    assert list(again.welcome.keep) == peer.leases
    await again.succeed(peer.leases[0])
    assert again.acknowledged == [1]
    assert stage.ledger.kinds() == [("succeeded", "a")]


async def test_progress_is_passed_on_and_clamped(stage, peer):
    lease = peer.leases[0]
    for report in (
        pb.ProgressReport(lease=lease, percent=140),
        pb.ProgressReport(lease=lease, message="x" * 1_000, percent=-3),
        pb.ProgressReport(lease="nonsense", percent=1),
    ):
        await peer.send(progress_reports=pb.WorkRequest.ProgressReports(progress_reports=[report]))
    assert [what for _, _, _, what in stage.ledger.reports] == [(None, 100), ("x" * 500, 0)]


async def test_progress_the_store_refused_is_dropped_in_silence(stage, peer):
    stage.ledger.refusing = True
    report = pb.ProgressReport(lease=peer.leases[0], percent=1)
    await peer.send(progress_reports=pb.WorkRequest.ProgressReports(progress_reports=[report]))
    assert not peer.ended
