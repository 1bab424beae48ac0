"""Read masks: the name and exactly the fields that are asked for, and a refusal of what there is not."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from perdure.domain.errors import InvalidRequest
from perdure.service.contents import BASIC, read_contents
from perdure.service.read_mask import read_paths
from perdure.service.status import VIOLATIONS_MAX
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import GetExecutionRequest, ListExecutionsRequest
from tests.service.serving import ANY, integration, ints, refused


def paths_of(message, above=""):
    """Yields every path of a message, those of lists and maps as a whole."""
    for field in message.fields:
        path = f"{above}{field.name}"
        yield path
        if field.message_type and not field.is_repeated:
            yield from paths_of(field.message_type, f"{path}.")


PATHS = sorted(paths_of(Execution.DESCRIPTOR))


def copy_paths(source, paths):
    """Builds what a mask keeps, the other way round: from nothing."""
    target = type(source)()
    for path in paths:
        _copy(source, target, path.split("."))
    return target


def _copy(source, target, names):
    first, *rest = names
    field = source.DESCRIPTOR.fields_by_name[first]
    if field.has_presence and not source.HasField(first):
        return
    if field.message_type and not field.is_repeated:
        getattr(target, first).SetInParent()
        if rest:
            _copy(getattr(source, first), getattr(target, first), rest)
            return
    if field.message_type is None and not field.is_repeated:
        setattr(target, first, getattr(source, first))
    else:
        getattr(target, first).MergeFrom(getattr(source, first))


def copied(source, paths):
    """The same, without what comes twice because paths hold each other."""
    return copy_paths(source, [path for path in set(paths) if not any(path.startswith(f"{each}.") for each in paths)])


@pytest.fixture
async def failed(stubs):
    """The name of an execution that has failed, with an error, a label and a sub-execution's worth of fields."""
    answer = await stubs.execute(
        "divide", "POST", input_parameters=ints(x=1), labels={"team": "blue"}, do_not_propagate_error=True
    )
    return answer.execution


async def get(stubs, name, *paths, **fields):
    return await stubs.executions.GetExecution(
        GetExecutionRequest(name=name, read_mask=FieldMask(paths=paths), **fields)
    )


async def test_every_single_path_gives_its_field_and_the_name_and_nothing_else(stubs, failed):
    outer = (await stubs.execute("outer", "POST", input_parameters=ints(x=1))).execution
    for name in (failed, outer):
        full = await stubs.executions.GetExecution(GetExecutionRequest(name=name))
        for path in PATHS:
            assert await get(stubs, name, path) == copied(full, ["name", path]), path


@given(st.lists(st.sampled_from(PATHS), max_size=6))
def test_any_mask_keeps_what_it_names(paths):
    shown = Execution(name="n", etag="e", labels={"a": "b"}, orphan=True)
    shown.error.code, shown.error.payload = "C", "{}"
    shown.progress.percent = 5
    shown.progress.current_tasks.append("t")
    shown.execution_details.state = ExecutionDetails.SUCCEEDED
    shown.execution_details.attempt_stats.add().start_time.seconds = 4
    shown.create_time.FromSeconds(9)
    wanted = copied(shown, ["name", *paths]) if paths else Execution.FromString(shown.SerializeToString())
    read_contents(0, FieldMask(paths=paths), default=Execution.VIEW_FULL).cut(shown)
    assert shown == wanted


async def test_a_star_and_a_mask_without_paths_are_what_they_stand_for(stubs, failed):
    full = await stubs.executions.GetExecution(GetExecutionRequest(name=failed))
    assert await get(stubs, failed, "*") == full
    assert await get(stubs, failed, "name", "*") == full
    assert await get(stubs, failed) == full
    request = ListExecutionsRequest(parent=ANY, read_mask=FieldMask(paths=["*"]))
    assert list((await stubs.executions.ListExecutions(request)).executions) == [full]


async def test_a_list_shows_exactly_the_fields_asked_for(stubs, failed):
    for paths in (["name", "execution_details.state"], ["error.code"], ["etag", "errors", "progress.sub_job_count"]):
        request = ListExecutionsRequest(parent=ANY, read_mask=FieldMask(paths=paths))
        (shown,) = (await stubs.executions.ListExecutions(request)).executions
        assert shown == await get(stubs, failed, *paths), paths


async def test_snapshots_come_without_their_parameters_if_that_is_asked_for(stubs):
    name = (await stubs.execute("increment", "POST", input_parameters=ints(x=1))).execution
    whole = await stubs.executions.GetExecution(GetExecutionRequest(name=name))
    for shown in (
        await get(stubs, name, snapshot_metadata_without_params=True),
        await get(stubs, name, "*", snapshot_metadata_without_params=True),
        await get(stubs, name, "execution_details", snapshot_metadata_without_params=True),
    ):
        snapshots = shown.execution_details.execution_snapshots
        assert [each.name for each in snapshots] == [each.name for each in whole.execution_details.execution_snapshots]
        assert all(each.task_execution_details and not each.params for each in snapshots)
        size = shown.execution_details.event_execution_snapshots_size
        assert size == whole.execution_details.event_execution_snapshots_size > 0
    assert await stubs.executions.GetExecution(GetExecutionRequest(name=name)) == whole
    for view in (Execution.VIEW_FULL, Execution.VIEW_BASIC):
        request = ListExecutionsRequest(parent=ANY, view=view, snapshot_metadata_without_params=True)
        (listed,) = (await stubs.executions.ListExecutions(request)).executions
        assert not any(each.params for each in listed.execution_details.execution_snapshots)


REFUSED = {
    "nothing": ("", "besides * there are: name, trigger_id"),
    "no field": ("state", "execution_details"),
    "a field in camel case": ("createTime", "create_time"),
    "no field of a message": ("error.reason", "error has: code, message, payload, context, stack_trace"),
    "below a list": ("errors.error", "ask for errors as a whole"),
    "below a list in a message": (
        "execution_details.execution_snapshots.params",
        "ask for execution_details.execution_snapshots as a whole",
    ),
    "below a map": ("labels.team", "ask for labels as a whole"),
    "below a text": ("name.x", "ask for name as a whole"),
    "a dot too many": ("error.", "error has:"),
    "a star below": ("error.*", "error has:"),
    "something long": ("x" * 10_000, "…"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_path_that_names_nothing_is_refused_with_what_is_allowed(case):
    path, allowed = REFUSED[case]
    with pytest.raises(InvalidRequest) as caught:
        read_paths(FieldMask(paths=["name", path]))
    (violation,) = caught.value.violations
    assert violation.path == "read_mask"
    assert repr(path)[:40] in violation.description
    assert allowed in violation.description


def test_every_path_that_names_nothing_is_told_in_the_order_of_the_mask():
    paths = ["one", "name", "error.two", "three", "error.four", "one"]
    with pytest.raises(InvalidRequest) as caught:
        read_paths(FieldMask(paths=paths))
    told = [violation.description for violation in caught.value.violations]
    assert [each.partition(" names")[0] for each in told] == ["'one'", "'error.two'", "'three'", "'error.four'"]
    assert ["; " in each for each in told] == [True, True, False, False], "what is allowed is told once at each place"
    assert caught.value.message == f"the request has 4 faults: read_mask: {told[0]}"


def test_no_more_is_made_of_paths_that_name_nothing_than_can_be_told():
    with pytest.raises(InvalidRequest) as caught:
        read_paths(FieldMask(paths=[f"x{number}" for number in range(1_000)]))
    assert len(caught.value.violations) == VIOLATIONS_MAX


async def test_a_mask_is_refused_together_with_a_view_and_when_it_names_nothing(stubs):
    nothing = f"{integration('wait')}/executions/nothing"
    both = {"view": Execution.VIEW_BASIC, "read_mask": FieldMask(paths=["name"])}
    wrong = {"read_mask": FieldMask(paths=["nonsense"])}
    for fields in (both, wrong):
        for call in (
            stubs.executions.GetExecution(GetExecutionRequest(name=nothing, **fields)),
            stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, **fields)),
        ):
            told = await refused(call)
            assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
            assert told.fields == ["read_mask"]
    assert told.message.endswith("current_parameters"), "all fields are named"


def test_contents_are_equal_when_they_show_the_same():
    def key(*paths, **fields):
        return read_contents(0, FieldMask(paths=paths), default=Execution.VIEW_BASIC, **fields).key

    assert key() == BASIC.key
    assert key("error.code", "name", "error") == key("name", "error")
    assert key("*") == read_contents(Execution.VIEW_FULL, None, default=Execution.VIEW_BASIC).key
    assert key("error") == key("name", "error")
    assert key("name", without_params=True) == key("name")
    assert key("execution_details", without_params=True) != key("execution_details")
    assert len({key(), key("*"), key("*", without_params=True), key("name"), key("error")}) == 5


@pytest.mark.parametrize(
    ("path", "suffices"),
    [
        ("name", True),
        ("labels", True),
        ("execution_details.state", True),
        ("error.message", True),
        ("progress.current_tasks", True),
        ("error", False),
        ("progress", False),
        ("execution_details", False),
        ("errors", False),
        ("execution_details.attempt_stats", False),
        ("execution_details.task_execution_details", False),
        ("direct_sub_executions", False),
    ],
)
def test_rows_suffice_for_what_a_list_of_the_view_basic_shows(path, suffices):
    contents = read_contents(0, FieldMask(paths=["name", path]), default=Execution.VIEW_FULL)
    assert contents.row_suffices is suffices
