"""Commands that are about many executions, against a real server."""

import json
import signal

import pytest

from tests.cli.conftest import ANSWERS_WITHIN, start
from tests.cli.test_streaming import last_screen
from tests.cli.test_terminal import MAIN, on_terminal


def ids(executions):
    return [execution["name"].rpartition("/")[2] for execution in executions]


@pytest.fixture(scope="module")
def shop(perdure):
    """Executions of one shop: three that succeeded, one that failed, and a loop over two items."""
    for number in (1, 2, 3):
        options = ["--label", "shop=north", "--label", f"n={number}", "--priority", str(100 * number)]
        perdure.json("execute", "total", f"a={number}", "--id", f"north-{number}", *options)
    perdure("execute", "failing", "text=no stock", "--id", "north-4", "--label", "shop=north")
    perdure.json("execute", "doubled", "numbers=[1,2]", "--id", "north-5", "--label", "shop=east")
    return perdure


def test_a_filter_narrows_a_list(shop):
    assert ids(shop.json("list", "--filter", "labels.shop=north")) == ["north-4", "north-3", "north-2", "north-1"]
    assert ids(shop.json("list", "total", "--filter", "labels.shop=north AND labels.n=2")) == ["north-2"]
    assert ids(shop.json("list", "--filter", "state=FAILED labels:shop")) == ["north-4"]
    assert shop.json("list", "--filter", "labels.shop=south") == []


def test_a_list_is_sorted(shop):
    sorted_by_priority = shop.json("list", "total", "--filter", "labels.shop=north", "--sort", "priority:desc")
    assert ids(sorted_by_priority) == ["north-3", "north-2", "north-1"]
    oldest_first = shop.json("list", "--filter", "labels.shop=north", "--sort", "create_time", "--limit", "2")
    assert ids(oldest_first) == ["north-1", "north-2"]


def test_columns_are_chosen_by_name(shop):
    columns = ["--columns", "execution_id,labels.n,error.code"]
    listed = shop("list", "--filter", "labels.shop=north", "--sort", "create_time", *columns)
    assert listed.stdout.splitlines() == [
        "EXECUTION_ID  LABELS.N  ERROR.CODE",
        "north-1       1",
        "north-2       2",
        "north-3       3",
        "north-4                 HANDLER_ERROR",
    ]


def test_names_alone_are_printed_for_other_programs(shop):
    named = shop("list", "--filter", "labels.n=1", "-o", "name")
    assert named.stdout == "projects/default/locations/local/integrations/total/executions/north-1\n"


def test_since_leaves_out_what_is_older(shop):
    assert ids(shop.json("list", "--filter", "labels.n=1", "--since", "1h")) == ["north-1"]
    assert shop.json("list", "--filter", "labels.n=1", "--since", "2999-01-01T00:00:00Z") == []


def test_sub_executions_are_listed_where_they_are_asked_for(shop):
    topmost = ids(shop.json("list", "doubled"))
    everything = ids(shop.json("list", "doubled", "--all"))
    of_parent = ids(shop.json("list", "--filter", "parent=north-5"))
    assert topmost == ["north-5"]
    assert len(of_parent) == 2
    assert set(everything) == {*topmost, *of_parent}
    assert shop("list", "--filter", "parent=north-5").stdout.splitlines()[0].endswith("PARENT")


def test_count_prints_the_number_alone(shop):
    assert shop("count", "--filter", "labels.shop=north").stdout == "4\n"
    assert shop("count", "total", "--filter", "labels.shop=north").stdout == "3\n"
    assert shop("count", "doubled").stdout == "1\n"
    assert shop("count", "doubled", "--all").stdout == "3\n"


def test_count_by_state(shop):
    counted = shop("count", "--filter", "labels.shop=north", "--by", "state")
    assert [line.split() for line in counted.stdout.splitlines()] == [
        ["STATE", "COUNT"],
        ["SUCCEEDED", "3"],
        ["FAILED", "1"],
    ]
    assert shop.json("count", "--filter", "labels.shop=north") == {
        "count": 4,
        "stateCounts": {"SUCCEEDED": 3, "FAILED": 1},
        "lowerBound": False,
    }


@pytest.mark.parametrize("more", [[], ["--all"], ["--since", "1h"]])
@pytest.mark.parametrize("command", ["list", "count", "watch"])
def test_a_fault_in_a_filter_is_pointed_at(shop, command, more):
    refused = shop(command, *more, "--filter", "state=FAILED AND prio>3")
    assert refused.exit_code == 2
    assert refused.stdout == ""
    error, reason, text, pointer, *_ = refused.stderr.splitlines()
    assert error.startswith("error: the filter is wrong at character 18: there is no field prio")
    assert reason == "  reason: FILTER_INVALID"
    assert text.strip() == "state=FAILED AND prio>3"
    assert text[pointer.index("^") :] == "prio>3"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--columns", "nothing"], "the columns are name, execution_id"),
        (["list", "--columns", "state", "-o", "json"], "--columns"),
        (["list", "--sort", "state"], "create_time, start_time"),
        (["list", "--since", "yesterday"], "--since"),
        (["count", "--by", "colour"], "--by"),
        (["watch", "north-1", "--filter", "state=FAILED"], "EXECUTION"),
        (["watch", "north-1", "--integration", "total"], "EXECUTION"),
        (["watch", "--tree", "north-1", "--integration", "total"], "--tree"),
        (["watch", "--events", "--columns", "state"], "--columns"),
        (["watch", "--show-cursor"], "--events"),
        (["watch", "--from-beginning"], "--events"),
        (["watch", "--events", "--from-beginning", "--cursor", "x"], "--cursor or --from-beginning"),
        (["watch", "--events", "--cursor", "x"], "reason: CURSOR_INVALID"),
        (["watch", "--events", "--cursor", ""], "--cursor is empty"),
        (["watch", "north-1", "--cursor", ""], "--cursor is empty"),
        (["watch", "--patience", "0"], "or forever"),
        (["list", "--since", "99999w"], "before 1970"),
    ],
)
def test_what_is_wrong_exits_with_2_and_says_what(shop, arguments, says):
    refused = shop(*arguments)
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    "arguments", [["list", "nothing"], ["count", "nothing"], ["watch", "--integration", "nothing"]]
)
def test_an_integration_that_never_was_exits_with_3(shop, arguments):
    refused = shop(*arguments)
    assert refused.exit_code == 3
    assert "reason: INTEGRATION_NOT_FOUND" in refused.stderr


def test_states_of_many_are_lines_until_all_have_ended(shop):
    watched = shop("watch", "--filter", "labels.shop=north", "--until-done", "--columns", "execution_id,state")
    assert watched.exit_code == 0
    assert sorted(line.split() for line in watched.stdout.splitlines()) == [
        ["north-1", "SUCCEEDED"],
        ["north-2", "SUCCEEDED"],
        ["north-3", "SUCCEEDED"],
        ["north-4", "FAILED"],
    ]


def test_a_terminal_shows_many_as_a_table_with_the_numbers_by_state(shop):
    pytest.importorskip("rich")
    arguments = ["watch", "--filter", "labels.shop=north", "--until-done", "--server", shop.address]
    code, written = on_terminal(MAIN, *arguments, COLUMNS="200")
    assert code == 0
    rows = last_screen(written)
    assert [row[0] for row in rows[1:-1]] == ["north-4", "north-3", "north-2", "north-1"]
    assert rows[-1] == ["4", "executions", "SUCCEEDED", "3", "FAILED", "1"]


def test_states_of_many_are_json(shop):
    watched = shop("watch", "--integration", "failing", "--since", "1h", "--until-done", "-o", "json")
    told = [json.loads(line) for line in watched.stdout.splitlines()]
    assert ids(line["execution"] for line in told if "execution" in line) == ["north-4"]
    assert {"synced": True} in told


def test_a_tree_is_watched_with_all_below(shop):
    watched = shop("watch", "--tree", "north-5", "--until-done", "--columns", "state")
    assert watched.stdout.split() == 3 * ["SUCCEEDED"]


def test_without_a_filter_what_had_ended_is_left_out(shop):
    assert shop("watch", "--integration", "total", "--until-done").stdout == ""


def events_of(watched):
    assert watched.exit_code == 0, watched.stderr
    return [json.loads(line) for line in watched.stdout.splitlines()]


def cursor_of(watched):
    return watched.stderr.removeprefix("cursor: ").strip()


def test_events_of_many_go_on_behind_a_cursor(shop):
    shop.json("execute", "waiting", "--async", "--id", "many-0")
    shop.json("cancel", "many-0", "--wait")
    options = ["--events", "--integration", "waiting", "--until-done", "--show-cursor", "-o", "json"]
    before = shop("watch", *options, "--from-beginning")
    assert {event["integration"].rpartition("/")[2] for event in events_of(before)} <= {"waiting"}
    cursor, told = cursor_of(before), []
    for execution_id in ("many-1", "many-2"):
        shop.json("execute", "waiting", "--async", "--id", execution_id)
        shop.json("cancel", execution_id, "--wait")
        watched = shop("watch", *options, "--cursor", cursor)
        assert events_of(watched) == shop.json("events", execution_id)
        cursor = cursor_of(watched)
        told += events_of(watched)
    lines = shop("watch", "--events", "--integration", "waiting", "--until-done", "--cursor", cursor_of(before))
    assert len(lines.stdout.splitlines()) == len(told)
    assert lines.stdout.splitlines()[0].split()[0] == "many-1"


@pytest.mark.parametrize("arguments", [["north-1"], ["--integration", "total", "--until-done"]])
def test_a_watch_without_events_has_a_cursor_too(shop, arguments):
    watched = shop("watch", *arguments, "--events", "--show-cursor")
    rest = shop("watch", *arguments, "--events", "--show-cursor", "--cursor", cursor_of(watched))
    assert (rest.exit_code, rest.stdout) == (0, "")
    assert cursor_of(rest)


def test_events_of_one_go_on_behind_a_cursor(shop):
    events = shop.json("events", "north-1")
    watched = shop("watch", "north-1", "--events", "--show-cursor")
    assert len(watched.stdout.splitlines()) == len(events)
    rest = shop("watch", "north-1", "--events", "--cursor", cursor_of(watched))
    assert (rest.exit_code, rest.stdout) == (0, "")


def test_who_interrupts_a_watch_of_many_gets_130(shop):
    shop.json("execute", "waiting", "--async", "--id", "interrupted-1")
    with start("watch", "--integration", "waiting", "--server", shop.address) as watching:
        assert watching.stdout.readline().startswith("interrupted-1  waiting")
        watching.send_signal(signal.SIGINT)
        _, stderr = watching.communicate(timeout=ANSWERS_WITHIN)
    assert (watching.returncode, stderr) == (130, "interrupted\n")
    shop.json("cancel", "interrupted-1", "--wait")


def test_what_does_not_match_any_more_leaves(shop):
    shop.json("execute", "waiting", "--async", "--id", "leaving-1")
    arguments = ["--filter", "execution_id=leaving-1 state=PROCESSING", "--columns", "execution_id,state"]
    with start("watch", *arguments, "--server", shop.address) as watching:
        assert watching.stdout.readline().split() == ["leaving-1", "PROCESSING"]
        shop.json("cancel", "leaving-1", "--wait")
        while "does not match" not in (line := watching.stdout.readline()):
            assert line
        assert line == "leaving-1  does not match any more\n"
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=ANSWERS_WITHIN)
