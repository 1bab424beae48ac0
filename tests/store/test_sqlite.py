"""The SQLite store: the suite of all stores, and what only a file can have."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from perdure.store.errors import StoreBroken, StoreLocked, StoreUnusable
from perdure.store.sqlite.connection import run
from perdure.store.sqlite.store import SqliteStore
from tests.store.conformance import OpenStore, StoreConformance
from tests.store.list_conformance import ListConformance
from tests.store.log_conformance import LogConformance
from tests.store.records import START, Commits, key
from tests.store.retention_conformance import RetentionConformance
from tests.store.suspension_conformance import SuspensionConformance


class TestSqliteStore(StoreConformance, ListConformance, LogConformance, RetentionConformance, SuspensionConformance):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda: SqliteStore.open(tmp_path / "data")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


async def test_it_says_which_sqlite_it_uses(directory):
    store = await SqliteStore.open(directory)
    assert store.software.startswith("SQLite 3.")
    assert store.kind == "sqlite"
    await store.close()


async def test_a_second_server_is_refused_by_the_name_of_the_first(directory):
    store = await SqliteStore.open(directory)
    program = (
        "import asyncio, sys, pathlib\n"
        "from perdure.store.sqlite.store import SqliteStore\n"
        "from perdure.store.errors import StoreLocked\n"
        "try: asyncio.run(SqliteStore.open(pathlib.Path(sys.argv[1])))\n"
        "except StoreLocked as error: print(error)\n"
    )
    try:
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(directory), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await second.communicate()
        assert f"process {os.getpid()}" in said.decode()
        with pytest.raises(StoreLocked):
            await SqliteStore.open(directory)
    finally:
        await store.close()
    again = await SqliteStore.open(directory)
    await again.close()


async def test_the_data_is_for_its_owner_alone(directory):
    store = await SqliteStore.open(directory)
    await store.commit(Commits().create(key("a")))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(("perdure.db", "perdure.db-wal", "perdure.db-shm", "perdure.lock"), 0o600)
    await store.close()
    assert sorted(path.name for path in directory.iterdir()) == ["perdure.db", "perdure.lock"]


@pytest.mark.parametrize("name", ["perdure.db", "perdure.lock"])
async def test_a_symbolic_link_is_refused(directory, tmp_path, name):
    directory.mkdir()
    (tmp_path / "elsewhere").touch()
    (directory / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnusable):
        await SqliteStore.open(directory)


async def test_a_file_that_is_no_database_is_refused(directory):
    directory.mkdir()
    (directory / "perdure.db").write_bytes(b"certainly not a database, though long enough" * 100)
    with pytest.raises(StoreUnusable):
        await SqliteStore.open(directory)


async def test_a_path_that_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusable):
        await SqliteStore.open(tmp_path / "file")


async def test_a_damaged_database_is_noticed_after_an_unclean_stop(directory):
    store = await SqliteStore.open(directory)
    commits = Commits()
    for number in range(50):
        await store.commit(commits.create(key(f"e{number}")))
    await store.close()
    # As a killed server leaves it: the owner's process id is still there.
    (directory / "perdure.lock").write_text("4242\n")
    database = directory / "perdure.db"
    whole = database.read_bytes()
    database.write_bytes(whole[: len(whole) // 2] + b"\xff" * 8192 + whole[len(whole) // 2 + 8192 :])
    with pytest.raises(StoreBroken):
        await SqliteStore.open(directory)


async def test_an_unknown_durability_is_refused(directory):
    with pytest.raises(ValueError, match="FULL"):
        await SqliteStore.open(directory, synchronous="OFF")
    assert not directory.exists()


async def test_the_less_durable_mode_stores_as_well(directory):
    store = await SqliteStore.open(directory, synchronous="NORMAL")
    await store.commit(Commits().create(key("a")))
    assert await store.get_row(key("a")) is not None
    await store.close()


async def test_the_space_of_what_was_deleted_is_used_again(directory):
    store = await SqliteStore.open(directory, synchronous="NORMAL")
    commits = Commits()
    sizes = []
    for number in range(8):
        names = [key(f"e{number}-{one}") for one in range(500)]
        labels = f'{{"round":"{number}"}}'
        await store.commit(
            commits.create(*names, labels=labels, state={"active": False, "end_time": START, "state": 3})
        )
        await store.commit(commits.delete(*names))
        (pages,) = await run(store._database.writer, lambda raw: raw.execute("PRAGMA page_count").fetchone())
        sizes.append(pages)
    assert sizes[-1] <= sizes[1]
    await store.close()
