"""Commits under a file-size limit, which makes SQLite's writes fail with IOERR_WRITE.

Arguments: the data directory, how many writes have to fail before the limit is lifted. Prints what became of
each failed commit, then whether the store goes on.
"""

import asyncio
import resource
import sys
from pathlib import Path

from perdure.store.errors import StoreBroken, StoreRefused
from perdure.store.records import EventRecord
from perdure.store.sqlite.store import SqliteStore
from tests.store.records import Commits, key


def report(what: str) -> None:
    sys.stdout.write(f"{what}\n")


async def main(directory: Path, errors: int) -> None:
    commits = Commits()
    store = await SqliteStore.open(directory)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        await store.commit(commits.create(key("kept")))
        for number in range(errors):
            large = commits.create(key(f"e{number}"))
            large.events[0] = EventRecord(key(f"e{number}"), 1, 1, bytes(1_000_000))
            resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
            try:
                await store.commit(large)
            except StoreRefused:
                report("refused")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            if await store.get_row(key("kept")) is None or await store.get_row(key(f"e{number}")) is not None:
                report("lost or half stored")
        try:
            await store.commit(commits.create(key("last")))
            report("goes on")
        except StoreBroken:
            report("broken")
    finally:
        await store.close()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
