"""The options that choose executions become one filter."""

import math
from datetime import UTC, datetime, timedelta

import click
import pytest

from perdure.cli.columns import columns_of, columns_option, known_columns
from perdure.cli.instants import instant_operand
from perdure.cli.link import patience_option
from perdure.cli.roster import row
from perdure.cli.selection import Selection, selection_options
from perdure.cli.sorting import sort_option
from perdure.runtime.clock import SystemClock
from perdure.v1.error_pb2 import Error
from perdure.v1.execution_pb2 import Execution, ExecutionDetails

NAME = "projects/p/locations/l/integrations/order/executions/a1"
TOPMOST = "(NOT parent:* OR orphan = true)"


def filter_of(text="", since=None, everything=False):
    return Selection(text, since, everything).filter().text


def test_without_options_sub_executions_are_left_out():
    assert filter_of() == TOPMOST
    assert filter_of(everything=True) == ""


def test_what_was_given_comes_last():
    since = datetime(2030, 1, 1, 6, tzinfo=UTC)
    assert filter_of("state=FAILED", since) == (
        f'{TOPMOST} AND create_time >= "2030-01-01T06:00:00.000000Z" AND state=FAILED'
    )
    assert filter_of("  ", everything=True) == ""


@pytest.mark.parametrize("text", ["parent=a1", "state=FAILED root = a1", "NOT parent:*", "orphan!=true"])
def test_a_filter_that_speaks_of_parents_gets_sub_executions(text):
    assert filter_of(text) == text


def test_a_label_named_after_a_parent_does_not():
    assert filter_of("labels.a=parent").startswith(TOPMOST)


def options_read(*arguments):
    """What a command with the options is called with."""
    called = []

    @click.command()
    @selection_options
    @sort_option
    @columns_option
    @patience_option
    def command(**options):
        called.append(options)

    command.main(list(arguments), standalone_mode=False)
    return called[0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1.5m", 90), ("2h", 7_200), ("1d", 86_400), ("1w", 604_800)]
)
def test_an_age_is_that_long_ago(text, seconds):
    found = options_read("--since", text)["selection"].since
    now = datetime.fromtimestamp(SystemClock().now() / 1e6, UTC)
    assert timedelta(seconds=seconds) <= now - found < timedelta(seconds=seconds + 30)


def test_an_instant_is_itself():
    found = options_read("--since", "2030-01-01T06:00:00+02:00")["selection"].since
    assert found == datetime(2030, 1, 1, 4, tzinfo=UTC)


def test_a_date_is_its_midnight_in_utc():
    assert options_read("--since", "2030-01-02")["selection"].since == datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "h", "1y", "-1h", "20300101", "2030-1-1", "2030-01-32", "2030-01-01T06:00:00"])
def test_what_is_no_instant_is_told_what_is_one(text):
    with pytest.raises(click.BadParameter) as caught:
        options_read("--since", text)
    for form in ("90s", "1h", "7d", "2030-01-01T06:00:00Z", "a date such as 2030-01-01"):
        assert form in str(caught.value)


@pytest.mark.parametrize("text", ["99999w", "999999999w", "1969-12-31", "0001-01-01T00:00:00+02:00"])
def test_what_is_too_long_ago_is_refused(text):
    with pytest.raises(click.BadParameter, match=r"is before 1970|is longer ago than|is beyond the years"):
        options_read("--since", text)


def test_an_early_year_is_written_with_four_digits():
    assert instant_operand(datetime(110, 2, 3, tzinfo=UTC)) == "0110-02-03T00:00:00.000000Z"


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("0s", 0), ("forever", math.inf)])
def test_a_patience_is_a_length_of_time_or_for_ever(text, seconds):
    assert options_read("--patience", text)["patience"] == seconds
    assert options_read()["patience"] == 600


@pytest.mark.parametrize("text", ["", "0", "10", "long"])
def test_a_patience_that_is_none_is_told_how_to_write_one(text):
    with pytest.raises(click.BadParameter, match="write 30s, 10m or 2h, or forever"):
        options_read("--patience", text)


@pytest.mark.parametrize(("text", "order"), [("duration", "duration"), ("priority:desc", "priority desc")])
def test_an_order_is_written_for_the_server(text, order):
    assert options_read("--sort", text)["order"] == order
    assert options_read()["order"] == ""


@pytest.mark.parametrize("text", ["state", "duration:", "duration:up", ":desc"])
def test_an_order_that_lists_do_not_have_names_those_they_have(text):
    with pytest.raises(click.BadParameter, match="create_time, start_time"):
        options_read("--sort", text)


def execution():
    made = Execution(
        name=NAME,
        execution_details=ExecutionDetails(state=ExecutionDetails.PROCESSING),
        parent="projects/p/locations/l/integrations/all/executions/a0",
        labels={"shop": "north", "kind": "odd"},
        error=Error(code="CARD", message="declined\nagain"),
        progress=Execution.Progress(percent=40, current_tasks=["charge", "ship"]),
        execution_method=Execution.POST_TO_QUEUE,
        started_by=Execution.STARTED_BY_PARENT,
    )
    made.start_time.FromSeconds(1)
    made.duration.FromMilliseconds(1_500)
    return made


def cells(names, age=0):
    return row(execution(), columns_of(names), age)


def test_columns_show_fields():
    assert cells("execution_id,integration,state,parent") == ["a1", "order", "PROCESSING", "a0"]
    assert cells("labels,labels.shop,labels.none") == ["kind=odd,shop=north", "north", ""]
    assert cells("error.code,error.message,progress,current_task") == ["CARD", "declined\\nagain", "40%", "charge,ship"]
    assert cells("execution_method,started_by,orphan,end_time") == ["POST_TO_QUEUE", "PARENT", "false", ""]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels.app.example.com/name", "dotted"),
        ('labels."app.example.com/name"', "dotted"),
        ("labels.'app.example.com/name'", "dotted"),
        ('labels."a,b"', "comma"),
        ('labels."a\\"b"', "quote"),
    ],
)
def test_the_key_of_a_label_can_be_quoted(name, value):
    made = execution()
    made.labels.update({"app.example.com/name": "dotted", "a,b": "comma", 'a"b': "quote"})
    assert row(made, columns_of(f"state,{name},execution_id")) == ["PROCESSING", value, "a1"]


def test_what_runs_grows_older_after_it_was_read():
    assert cells("duration", age=2_000_000) == ["3.5s"]


def test_every_column_that_help_names_can_be_shown():
    names = known_columns()
    assert len(cells(names)) == len(names.split(","))


@pytest.mark.parametrize(
    "text", ["", ",", "nothing", "labels.", "state,paramters.x", 'labels."a', 'labels.""', 'labels."a"b']
)
def test_a_column_that_there_is_not_names_those_that_there_are(text):
    with pytest.raises(click.BadParameter, match="execution_id, integration"):
        options_read("--columns", text)
