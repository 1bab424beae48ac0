"""Which snapshots are kept (row 49)."""

import pytest

from perdure.domain import events as ev
from perdure.domain.integration import SavepointRetention
from tests.domain.builders import Run, task


@pytest.mark.parametrize(
    ("retention", "kept"),
    [(SavepointRetention.ALL, [1, 2]), (SavepointRetention.LAST, [2]), (SavepointRetention.NONE, [])],
    ids=["all", "last", "none"],
)
def test_snapshots_are_kept_as_the_integration_says(retention, kept):
    run = Run(task("a", "b"), task("b"), savepoint_retention=retention)
    run.succeed("a")
    run.succeed("b")

    assert [snapshot.number for snapshot in run.execution.snapshots] == kept


def test_numbers_of_snapshots_go_on_when_only_the_last_is_kept():
    run = Run(task("a", "b"), task("b"), savepoint_retention=SavepointRetention.LAST)
    run.succeed("a")

    run.succeed("b")

    assert run.event(ev.SnapshotTaken) == ev.SnapshotTaken(2, "b", only=True)
    assert run.execution.snapshot_count == 2
