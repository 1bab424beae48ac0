"""Every read of the SQLite store finds its rows by an index, in order, however many are stored."""

import pytest

from perdure.store.sqlite.connection import run
from perdure.store.sqlite.store import SqliteStore
from tests.store.records import PROJECT, START, integration_key, key

READ_WHOLE = {"worker_sessions", "child USING INDEX executions_live_children"}
"""Tables that hold only what is open now."""

READS = {
    "get_row": lambda store: store.get_row(key("a")),
    "load": lambda store: store.load(key("a")),
    "event_page": lambda store: store.event_page(key("a"), 3, max_records=5, max_bytes=100),
    "oldest_revision": lambda store: store.oldest_revision(),
    "load_active": lambda store: anext(store.load_active(), None),
    "due": lambda store: store.due(START, 10),
    "children": lambda store: store.children(key("p"), "each", 1),
    "live_children": lambda store: store.live_children(),
    "live_executions": lambda store: store.live_executions(integration_key(), 10),
    "get_request": lambda store: store.get_request(PROJECT, "Execute", "r"),
    "get_integration": lambda store: store.get_integration(integration_key()),
    "list_integrations": lambda store: store.list_integrations(PROJECT, "", 10),
    "integrations_with_trigger": lambda store: store.integrations_with_trigger(PROJECT, "t"),
    "get_revision": lambda store: store.get_revision(integration_key(), 1),
    "list_revisions": lambda store: store.list_revisions(integration_key(), 5, 10),
    "open_sessions": lambda store: store.open_sessions(),
}


def explain(connection, query):
    return connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_a_read_neither_scans_nor_sorts(tmp_path, read):
    store = await SqliteStore.open(tmp_path)
    try:
        statements: list[str] = []
        readers = store._database._readers
        for reader in readers:
            await reader.set_trace_callback(statements.append)
        await read(store)
        queries = [statement for statement in statements if statement.lstrip().startswith("SELECT")]
        assert queries
        for query in queries:
            plan = await run(readers[0], explain, query)
            steps = [step for *_, step in plan if step.removeprefix("SCAN ") not in READ_WHOLE]
            assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]
    finally:
        await store.close()
