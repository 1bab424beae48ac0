"""Every read of the SQLite store finds its rows by an index, in order, however many are stored."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from perdure.store.filter.fields import SUSPENSIONS
from perdure.store.filter.parse import parse_condition, parse_filter
from perdure.store.queries import ListQuery, Scope
from perdure.store.sqlite.connection import run
from perdure.store.sqlite.store import SqliteStore
from perdure.store.suspensions import SuspensionKey, SuspensionPlace, SuspensionQuery
from tests.store.records import PROJECT, START, Commits, integration_key, key

READ_WHOLE = ("worker_sessions", "head", "child USING INDEX executions_live_children", "(subquery", "json_each")
"""Tables that hold only what is open now, or one row, and what comes out of an index anyway, or out of a row."""

ORDER = Scope(PROJECT, integration="order")
BELOW = replace(ORDER, with_sub_executions=True)

READS = {
    "get_row": lambda store: store.get_row(key("a")),
    "load": lambda store: store.load(key("a")),
    "event_page": lambda store: store.event_page(key("a"), 3, max_records=5, max_bytes=100),
    "oldest_revision": lambda store: store.oldest_revision(),
    "load_active": lambda store: anext(store.load_active(), None),
    "due": lambda store: store.due(START, 10),
    "children": lambda store: store.children(key("p"), "each", 1),
    "replays": lambda store: store.replays(key("a")),
    "get_suspension": lambda store: store.get_suspension(SuspensionKey(PROJECT, "a", 1)),
    "log_floor of one": lambda store: store.log_floor(Scope(PROJECT, execution="a")),
    "live_children": lambda store: store.live_children(),
    "live_executions": lambda store: store.live_executions(integration_key(), 10),
    "get_request": lambda store: store.get_request(PROJECT, "Execute", "r"),
    "get_integration": lambda store: store.get_integration(integration_key()),
    "list_integrations": lambda store: store.list_integrations(PROJECT, "", 10),
    "integrations_with_trigger": lambda store: store.integrations_with_trigger(PROJECT, "t"),
    "get_revision": lambda store: store.get_revision(integration_key(), 1),
    "list_revisions": lambda store: store.list_revisions(integration_key(), 5, 10),
    "open_sessions": lambda store: store.open_sessions(),
    "log_page": lambda store: store.log_page(Scope(PROJECT), 0, max_records=5, max_bytes=100),
    "log_page of an integration": lambda store: store.log_page(ORDER, 70_000, max_records=5, max_bytes=100),
    "log_page of a tree": lambda store: store.log_page(Scope(PROJECT, tree="a"), 0, max_records=5, max_bytes=100),
    "log_page of one": lambda store: store.log_page(Scope(PROJECT, execution="a"), 0, max_records=5, max_bytes=100),
    "log_floor": lambda store: store.log_floor(Scope(PROJECT)),
    "log_floor of an integration": lambda store: store.log_floor(ORDER),
    "count": lambda store: store.count(Scope(PROJECT), None),
    "count in an integration": lambda store: store.count(ORDER, parse_filter("state = FAILED")),
    "integrations_with_executions": lambda store: store.integrations_with_executions(),
    "forgettable_requests": lambda store: store.forgettable_requests(START, (3, "", "", ""), 10),
}

PRIMARY_KEY = "PRIMARY KEY (project=? AND execution=?)"

INDEXES = {
    "": ("executions_by_create_time", "executions_by_integration"),
    "priority = 1": ("executions_by_create_time", "executions_by_integration"),
    "create_time > 2020-01-01 create_time < 2030-01-01": ("executions_by_create_time", "executions_by_integration"),
    "state = FAILED": ("executions_by_state", "executions_by_integration_state"),
    "NOT state = FAILED create_time < 2030-01-01": ("executions_by_state", "executions_by_integration_state"),
    "trigger_id = t": ("executions_by_trigger", "executions_by_integration_trigger"),
    "labels.team = red": ("PRIMARY KEY (project=? AND term=?", "execution_terms_by_integration"),
    "parameters.n = 5": ("PRIMARY KEY (project=? AND term=?", "execution_terms_by_integration"),
    "parent = a": ("executions_by_parent", "executions_by_parent"),
    "root = a": ("executions_by_root", "executions_by_root"),
    "execution_id = a": (PRIMARY_KEY, PRIMARY_KEY),
    "labels.team = red execution_id = a": (PRIMARY_KEY, PRIMARY_KEY),
}
"""Which index each filter leads to, in a project and in an integration."""

SMALL_SCOPES = {
    Scope(PROJECT, parent="a"): "executions_by_parent",
    Scope(PROJECT, tree="a"): "executions_by_root",
    Scope(PROJECT, execution="a"): PRIMARY_KEY,
    BELOW: "executions_by_root_integration",
}


def explain(connection, query):
    return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {query}")]


async def steps_of(tmp_path, read):
    """The steps of all statements of a read, each of which neither scans nor sorts."""
    store = await SqliteStore.open(tmp_path)
    try:
        await store.commit(Commits().create(key("a")))
        statements: list[str] = []
        readers = store._database._readers
        for reader in readers:
            await reader.set_trace_callback(statements.append)
        await read(store)
        queries = [statement for statement in statements if statement.lstrip().startswith("SELECT")]
        assert queries
        plans = [await run(readers[0], explain, query) for query in queries]
    finally:
        await store.close()
    for plan in plans:
        assert not [step for step in plan if step.startswith("SCAN") and not step[5:].startswith(READ_WHOLE)], plan
        # SQLite also makes ready to sort the one row that a key finds.
        assert not [one for one, then in pairwise(plan) if "TEMP B-TREE" in then and PRIMARY_KEY not in one], plan
    return [step for plan in plans for step in plan]


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_a_read_neither_scans_nor_sorts(tmp_path, read):
    await steps_of(tmp_path, read)


@pytest.mark.parametrize("after", [None, (str(START + 1), "x")])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("text", INDEXES)
async def test_a_list_goes_by_the_index_of_its_filter_in_order(tmp_path, text, descending, after):
    chosen = parse_filter(text)
    for number, (scope, index) in enumerate(zip((Scope(PROJECT), ORDER), INDEXES[text], strict=True)):
        wanted = ListQuery(scope, chosen, descending=descending, after=after)
        steps = await steps_of(tmp_path / str(number), lambda store, wanted=wanted: store.list_page(wanted))
        assert [step for step in steps if index in step], steps


@pytest.mark.parametrize("text", ["", "priority = 1", "state = FAILED"])
@pytest.mark.parametrize("scope", SMALL_SCOPES, ids=SMALL_SCOPES.values())
async def test_a_list_of_a_scope_goes_by_its_index_in_order(tmp_path, scope, text):
    steps = await steps_of(tmp_path, lambda store: store.list_page(ListQuery(scope, parse_filter(text))))
    assert [step for step in steps if SMALL_SCOPES[scope] in step], steps


SUSPENSION_LISTS = {
    ("", "project"): "suspensions_by_create_time",
    ("", "integration"): "suspensions_by_integration",
    ("", "execution"): "PRIMARY KEY",
    ("kind = APPROVAL", "project"): "suspensions_by_create_time",
    ("state = PENDING", "project"): "suspensions_pending",
    ("state = PENDING kind = CALLBACK", "integration"): "suspensions_pending_by_integration",
    ("state = PENDING", "execution"): "PRIMARY KEY",
}


@pytest.mark.parametrize("after", [None, SuspensionPlace(START, "a", 1)])
@pytest.mark.parametrize("resolver", [None, "alice"])
@pytest.mark.parametrize(("text", "scope"), SUSPENSION_LISTS)
async def test_a_list_of_suspensions_goes_by_an_index_in_order(tmp_path, text, scope, resolver, after):
    within: dict[str, Any] = {} if scope == "project" else {scope: "a"}
    chosen = parse_condition(text, SUSPENSIONS)
    wanted = SuspensionQuery(PROJECT, chosen=chosen, resolver=resolver, after=after, **within)
    steps = await steps_of(tmp_path, lambda store: store.suspension_page(wanted))
    index = SUSPENSION_LISTS[text, scope]
    assert [step for step in steps if f"{index} (" in step], steps


async def test_the_trees_that_may_be_deleted_are_found_by_the_end_of_their_roots(tmp_path):
    found = {"ended_before": START, "keep": 3, "limit": 10}
    steps = await steps_of(tmp_path, lambda store: store.ended_trees(integration_key(), **found))
    assert [step for step in steps if "executions_ended_roots" in step]
