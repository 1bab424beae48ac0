"""Resource names are written and read by one rule, and refused with the pattern that was expected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.codec import names
from perdure.domain.errors import InvalidRequest

ids = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True)
BASE = "projects/p/locations/local"


@given(ids, ids, ids, ids, st.integers(1, 999_999_999))
def test_reading_a_name_gives_back_its_ids(project: str, location: str, integration: str, last: str, number: int):
    path = "name"
    parsed = [
        names.parse_location(names.location_parent(project, location), path),
        names.parse_integration(names.integration_name(project, location, integration), path),
        names.parse_revision(names.revision_name(project, location, integration, last), path),
        names.parse_execution(names.execution_name(project, location, integration, last), path),
        names.parse_snapshot(names.snapshot_name(project, location, integration, last, number), path),
        names.parse_suspension(names.suspension_name(project, location, integration, last, number), path),
    ]
    everything = (project, location, integration, last, number)
    assert parsed[0] == everything[:2]
    assert parsed[1] == everything[:3]
    assert parsed[2] == parsed[3] == everything[:4]
    assert parsed[4] == parsed[5] == everything


def test_a_parsed_name_prints_as_it_was_written():
    for name, parse in (
        (BASE, names.parse_location),
        (f"{BASE}/integrations/i", names.parse_integration),
        (f"{BASE}/integrations/i/revisions/000001-a4d", names.parse_revision),
        (f"{BASE}/integrations/-/executions/e", names.parse_execution),
        (f"{BASE}/integrations/i/executions/e/snapshots/12", names.parse_snapshot),
        (f"{BASE}/integrations/-/executions/e/suspensions/3", names.parse_suspension),
    ):
        assert str(parse(name, "name")) == name


@pytest.mark.parametrize(
    "bad", ["", "-", "Upper", "a b", "-a", "a-", ".a", "a.", "a/b", "ä", "a" * 64, "a\n", "a\x00", "_a"]
)
def test_an_id_that_is_not_well_formed_is_refused(bad: str):
    with pytest.raises(InvalidRequest) as caught:
        names.parse_id(bad, "user_execution_id")
    assert caught.value.reason_name == "INVALID_NAME"
    assert caught.value.violations[0].path == "user_execution_id"
    with pytest.raises(InvalidRequest):
        names.parse_integration(f"{BASE}/integrations/{bad}", "name")
    with pytest.raises(InvalidRequest):
        names.parse_location(f"projects/{bad}/locations/local", "name")


@pytest.mark.parametrize("good", ["a", "0", "a-b", "a.b_c-d", "a" * 63, "000001-a4d"])
def test_an_id_that_is_well_formed_is_taken(good: str):
    assert names.parse_id(good, "user_execution_id") == good


def test_the_refusal_says_the_expected_pattern_and_where_the_name_stood():
    with pytest.raises(InvalidRequest) as caught:
        names.parse_execution("order/17", "executions[3].name")
    violation = caught.value.violations[0]
    assert violation.path == "executions[3].name"
    expected = "projects/{project}/locations/{location}/integrations/{integration}/executions/{execution}"
    assert expected in violation.description
    assert expected in caught.value.message


def test_the_wildcard_is_taken_only_where_it_is_allowed():
    name = f"{BASE}/integrations/-"
    assert names.parse_integration(name, "name", wildcard=True).integration == names.WILDCARD
    with pytest.raises(InvalidRequest):
        names.parse_integration(name, "name")
    assert names.parse_execution(f"{name}/executions/e", "name").integration == names.WILDCARD
    with pytest.raises(InvalidRequest):
        names.parse_execution(f"{name}/executions/e", "name", wildcard=False)
    with pytest.raises(InvalidRequest):
        names.parse_execution(f"{BASE}/integrations/i/executions/-", "name")
    with pytest.raises(InvalidRequest):
        names.parse_revision(f"{name}/revisions/000001-a4d", "name")


@pytest.mark.parametrize("number", ["0", "01", "-1", "x", "1234567890", ""])
def test_snapshots_and_suspensions_are_named_by_their_numbers(number: str):
    with pytest.raises(InvalidRequest):
        names.parse_snapshot(f"{BASE}/integrations/i/executions/e/snapshots/{number}", "name")
    with pytest.raises(InvalidRequest):
        names.parse_suspension(f"{BASE}/integrations/i/executions/e/suspensions/{number}", "name")
