"""How a database gets its schema, and what happens to one that is ahead of the server."""

import sqlite3

import pytest

from perdure.store.errors import StoreTooNew
from perdure.store.migrations import Migration, pending_migrations, read_migrations
from perdure.store.sqlite.store import SqliteStore

PACKAGE = "perdure.store.sqlite.migrations"


def test_migrations_are_numbered_from_one_without_a_gap():
    assert [migration.version for migration in read_migrations(PACKAGE)] == [1]


@pytest.mark.parametrize(("version", "pending"), [(0, [1, 2]), (1, [2]), (2, [])])
def test_only_what_is_missing_is_applied(version, pending):
    migrations = (Migration(1, "first", ""), Migration(2, "second", ""))
    assert [migration.version for migration in pending_migrations(migrations, version)] == pending


def test_a_gap_in_the_numbers_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "gapped_migrations"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "0002_second.sql").write_text("SELECT 1;")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="gap"):
        read_migrations("gapped_migrations")


async def test_a_new_database_is_at_the_newest_version_with_the_pragmas_it_needs(tmp_path):
    store = await SqliteStore.open(tmp_path)
    await store.close()
    with sqlite3.connect(tmp_path / "perdure.db") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(read_migrations(PACKAGE)),)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        strict = database.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0").fetchall()
        assert {name for (name,) in strict} <= {"sqlite_schema", "sqlite_temp_schema"}
    database.close()


async def test_a_database_of_a_newer_server_is_refused_untouched(tmp_path):
    store = await SqliteStore.open(tmp_path)
    await store.close()
    file = tmp_path / "perdure.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = file.read_bytes()
    with pytest.raises(StoreTooNew, match="99"):
        await SqliteStore.open(tmp_path)
    assert file.read_bytes() == before
    # The directory is free again, or this would be StoreLocked.
    with pytest.raises(StoreTooNew):
        await SqliteStore.open(tmp_path)


async def test_a_migration_that_was_cut_off_is_done_at_the_next_start(tmp_path):
    (tmp_path / "perdure.db").touch()
    (tmp_path / "perdure.lock").write_text("4242\n")
    store = await SqliteStore.open(tmp_path)
    assert store.committed_revision() == 0
    assert store.identity.store_id
    await store.close()
