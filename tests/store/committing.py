"""A program that commits until it is killed, and prints each commit once it is durable.

Arguments: the data directory, a prefix for the ids of this run. Every execution has a twin that is created in
the same commit, together with a request id that names both. Each line of output holds the store revision of a
commit, then `execution:sequence` for each execution that it moved.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.runtime import failpoints
from perdure.store.sqlite.store import SqliteStore
from tests.store.records import Commits, key, request

if TYPE_CHECKING:
    from perdure.store.records import Commit

CALLERS = 8
STEPS = 4


async def acknowledge(store: SqliteStore, commit: "Commit") -> None:
    await store.commit(commit)
    moved = " ".join(f"{step.key.execution}:{step.sequence}" for step in commit.progressed)
    os.write(sys.stdout.fileno(), f"{commit.revision} {moved}\n".encode())


async def commit_forever(store: SqliteStore, commits: Commits, prefix: str) -> None:
    number = 0
    while True:
        number += 1
        twins = (key(f"{prefix}-{number}-left"), key(f"{prefix}-{number}-right"))
        creation = commits.create(*twins, count=2)
        creation.requests.append(request(f"{prefix}-{number}", *(twin.execution for twin in twins)))
        await acknowledge(store, creation)
        for step in range(STEPS):
            await asyncio.gather(*(acknowledge(store, commits.move(twin, 2 + 3 * step, 3)) for twin in twins))
        await acknowledge(store, commits.end(twins[0], 2 + 3 * STEPS))


async def main(directory: Path, prefix: str) -> None:
    failpoints.arm_from_environment(os.environ)
    store = await SqliteStore.open(directory)
    try:
        commits = Commits(after=store.committed_revision())
        async with asyncio.TaskGroup() as callers:
            for caller in range(CALLERS):
                callers.create_task(commit_forever(store, commits, f"{prefix}-{caller}"))
    finally:
        await store.close()


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
