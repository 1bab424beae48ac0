"""What a filter says, and what is said of one that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.domain.errors import InvalidRequest
from perdure.store.filter.parse import MAX_CHARACTERS, MAX_COMPARISONS, MAX_NESTING, parse_filter
from perdure.store.filter.tree import And, Comparison, Condition, Field, Not, Operator, Or

FAILED = Comparison(Field.STATE, Operator.EQUAL, 4)
PENDING = Comparison(Field.STATE, Operator.EQUAL, 1)
ORPHAN = Comparison(Field.ORPHAN, Operator.EQUAL, True)
NEW_YEAR = 1_735_689_600_000_000


def label(key: str, operator: Operator, text: str | None) -> Comparison:
    return Comparison(Field.LABEL, operator, text, key)


def parameter(operator: Operator, operand: str | float | None, key: str = "n") -> Comparison:
    return Comparison(Field.PARAMETER, operator, operand, key)


def task(operator: Operator, text: str | None) -> Comparison:
    return Comparison(Field.CURRENT_TASK, operator, text)


def created(operator: Operator, instant: int) -> Comparison:
    return Comparison(Field.CREATE_TIME, operator, instant)


def read(text: str) -> Condition:
    chosen = parse_filter(text)
    assert chosen is not None
    return chosen.condition


def refusal(text: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        parse_filter(text)
    return refused.value


def position_of_fault(text: str) -> int | None:
    try:
        parse_filter(text)
    except InvalidRequest as refused:
        return int(refused.metadata["position"])
    return None


@pytest.mark.parametrize("text", ["", " ", "\t\r\n "])
def test_a_blank_filter_is_none(text):
    assert parse_filter(text) is None


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("state = FAILED AND state = PENDING", And((FAILED, PENDING))),
        ("state=FAILED state=PENDING\norphan=true", And((FAILED, PENDING, ORPHAN))),
        ("state=FAILED OR state=PENDING OR orphan=true", Or((FAILED, PENDING, ORPHAN))),
        ("state=FAILED AND state=PENDING OR orphan=true", And((FAILED, Or((PENDING, ORPHAN))))),
        ("state=FAILED OR state=PENDING AND orphan=true", And((Or((FAILED, PENDING)), ORPHAN))),
        ("state=FAILED state=PENDING OR orphan=true", And((FAILED, Or((PENDING, ORPHAN))))),
        ("(state=FAILED AND state=PENDING) OR orphan=true", Or((And((FAILED, PENDING)), ORPHAN))),
        ("(state=FAILED AND state=PENDING) AND (orphan=true)", And((FAILED, PENDING, ORPHAN))),
        ("state=FAILED OR ((state=PENDING) OR orphan=true)", Or((FAILED, PENDING, ORPHAN))),
        ("(state=FAILED)(orphan=true)", And((FAILED, ORPHAN))),
        ("(state=FAILED)AND(orphan=true)", And((FAILED, ORPHAN))),
        ("NOT state=FAILED", Not(FAILED)),
        ("-state=FAILED", Not(FAILED)),
        ("NOT(state=FAILED OR orphan=true)", Not(Or((FAILED, ORPHAN)))),
        ("-(state=FAILED orphan=true)", Not(And((FAILED, ORPHAN)))),
        ("state != FAILED", Not(FAILED)),
        ("NOT state != FAILED", FAILED),
        ("NOT (NOT state = FAILED)", FAILED),
        ("NOT state=FAILED OR orphan=true", Or((Not(FAILED), ORPHAN))),
    ],
)
def test_conditions_are_joined_as_aip_160_has_it(text, condition):
    assert read(text) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("execution_id = run-1", Comparison(Field.EXECUTION_ID, Operator.EQUAL, "run-1")),
        ("executionId=run-*", Comparison(Field.EXECUTION_ID, Operator.PREFIX, "run-")),
        ("state:FAILED", FAILED),
        ("state = 'FAILED'", FAILED),
        ("create_time >= 2025-01-01", created(Operator.GREATER_OR_EQUAL, NEW_YEAR)),
        ("createTime<2025-01-01T01:00:00+01:00", created(Operator.LESS, NEW_YEAR)),
        ('create_time = "2025-01-01T00:00:00.123456789Z"', created(Operator.EQUAL, NEW_YEAR + 123_456)),
        ("create_time = 2025-01-01t00:00:00.5z", created(Operator.EQUAL, NEW_YEAR + 500_000)),
        ("create_time > 1969-12-31T23:59:59.9Z", created(Operator.GREATER, -100_000)),
        ("endTime:*", Comparison(Field.END_TIME, Operator.SET, None)),
        ("duration > 2.5s", Comparison(Field.DURATION, Operator.GREATER, 2_500_000)),
        ("duration <= 3600s", Comparison(Field.DURATION, Operator.LESS_OR_EQUAL, 3_600_000_000)),
        ("integrationRevisionId=000001-a4d", Comparison(Field.REVISION_ID, Operator.EQUAL, "000001-a4d")),
        ("snapshot_number>=2", Comparison(Field.SNAPSHOT_NUMBER, Operator.GREATER_OR_EQUAL, 2)),
        ("trigger_id = api_trigger/order", Comparison(Field.TRIGGER_ID, Operator.EQUAL, "api_trigger/order")),
        ("-triggerId:*", Not(Comparison(Field.TRIGGER_ID, Operator.SET, None))),
        ("execution_method = POST_TO_QUEUE", Comparison(Field.EXECUTION_METHOD, Operator.EQUAL, 3)),
        ("priority = -5", Comparison(Field.PRIORITY, Operator.EQUAL, -5)),
        ("parent = run-1", Comparison(Field.PARENT, Operator.EQUAL, "run-1")),
        (
            "root = projects/p/locations/l/integrations/-/executions/run-1",
            Comparison(Field.ROOT, Operator.EQUAL, "run-1"),
        ),
        ("orphan = false", Comparison(Field.ORPHAN, Operator.EQUAL, False)),
        ("started_by = PARENT", Comparison(Field.STARTED_BY, Operator.EQUAL, 3)),
        ("startedBy = STARTED_BY_PARENT", Comparison(Field.STARTED_BY, Operator.EQUAL, 3)),
        ("current_task : pay", task(Operator.EQUAL, "pay")),
        ("currentTask != *", Not(task(Operator.SET, None))),
        ("error.code = OUT_OF_STOCK", Comparison(Field.ERROR_CODE, Operator.EQUAL, "OUT_OF_STOCK")),
    ],
)
def test_every_field_has_two_names_and_constants_of_its_own(text, condition):
    assert read(text) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("labels.team = blue", label("team", Operator.EQUAL, "blue")),
        ("labels.team = ''", label("team", Operator.EQUAL, "")),
        ("labels.a-b_c != blue", Not(label("a-b_c", Operator.EQUAL, "blue"))),
        ('labels."app.io/name" = blue', label("app.io/name", Operator.EQUAL, "blue")),
        (r"labels.'it\'s' = blue", label("it's", Operator.EQUAL, "blue")),
        ("labels.day >= 2025-01-01", label("day", Operator.GREATER_OR_EQUAL, "2025-01-01")),
        ("labels.team = b*", label("team", Operator.PREFIX, "b")),
        ('labels.team = "deep b*"', label("team", Operator.PREFIX, "deep b")),
        (r'labels.team = "b\*"', label("team", Operator.EQUAL, "b*")),
        (r'labels.team = "b\**"', label("team", Operator.PREFIX, "b*")),
        (r'labels.team = "\"\\\'"', label("team", Operator.EQUAL, "\"\\'")),
        ("labels.team = 'say \"blue\"'", label("team", Operator.EQUAL, 'say "blue"')),
        ('labels.team = "two\nlines"', label("team", Operator.EQUAL, "two\nlines")),
        ('labels.team = "AND"', label("team", Operator.EQUAL, "AND")),
        ("labels.team = 12:30", label("team", Operator.EQUAL, "12:30")),
        ("labels:team", label("team", Operator.SET, None)),
        ("labels:app.io/name", label("app.io/name", Operator.SET, None)),
        ('labels:"a key"', label("a key", Operator.SET, None)),
        ("labels.team:*", label("team", Operator.SET, None)),
        ("labels.team = *", label("team", Operator.SET, None)),
        ("labels.AND = blue", label("AND", Operator.EQUAL, "blue")),
        ("parameters:n", parameter(Operator.SET, None)),
        ("parameters.n = 5", parameter(Operator.EQUAL, "5")),
        ("parameters.n = 5.00", parameter(Operator.EQUAL, "5")),
        ('parameters.n = "5.00"', parameter(Operator.EQUAL, "5.00")),
        ("parameters.n = 007", parameter(Operator.EQUAL, "007")),
        ("parameters.n = 1e16", parameter(Operator.EQUAL, "1e+16")),
        ("parameters.n = true", parameter(Operator.EQUAL, "true")),
        ("parameters.n = blue", parameter(Operator.EQUAL, "blue")),
        ("parameters.n = 12*", parameter(Operator.PREFIX, "12")),
        ("parameters.n > 5", parameter(Operator.GREATER, 5)),
        ("parameters.n > 5.0", parameter(Operator.GREATER, 5)),
        ("parameters.n > -2.5e-1", parameter(Operator.GREATER, -0.25)),
        ("parameters.n > 9223372036854775807", parameter(Operator.GREATER, 2**63 - 1)),
        ("parameters.n > 9223372036854775808", parameter(Operator.GREATER, float(2**63))),
        ('parameters.n > "5"', parameter(Operator.GREATER, "5")),
        ("parameters.n > blue", parameter(Operator.GREATER, "blue")),
    ],
)
def test_labels_and_parameters_are_compared_by_key(text, condition):
    assert read(text) == condition


def test_an_integer_stays_one_and_a_whole_double_becomes_one():
    found = read("parameters.n > 5.0")
    assert isinstance(found, Comparison)
    assert isinstance(found.operand, int)


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("FAILED", 1, "not compared with anything"),
        ('"FAILED"', 1, "a comparison is expected"),
        ("state = FAILED and orphan = true", 16, "keywords are upper case: AND"),
        ("not state = FAILED", 1, "keywords are upper case: NOT"),
        ("stat = FAILED", 1, "there is no field stat; the fields are execution_id, state, create_time,"),
        ("execution_details.state = FAILED", 1, "there is no field execution_details.state"),
        ("error = X", 1, "there is no field error"),
        ("state.name = FAILED", 6, "state has no fields of its own"),
        ("ago(5)", 1, "there are no functions"),
        ("create_time > now()", 18, "there are no functions"),
        ("state", 6, "found the end, but behind state one of =, !=,"),
        ("state =", 8, "found the end, but state has to be compared with a constant"),
        ("state == FAILED", 8, "found =, but"),
        ("state = (FAILED OR PENDING)", 9, "repeat the field"),
        ("state = FAILDE", 9, "found FAILDE; state is one of PENDING, PROCESSING,"),
        ("state = failed", 9, "state is one of"),
        ("state = F*", 9, "state is one of"),
        ("state > FAILED", 7, "state has no order; compare it by = or !="),
        ("execution_id < run-1", 14, "has no order"),
        ("current_task >= pay", 14, "has no order"),
        ("orphan = yes", 10, "orphan is true or false"),
        ("priority = 2.5", 12, "a whole number"),
        ("priority = 9999999999999999999", 12, "at most 18 digits"),
        ("create_time > yesterday", 15, "an instant such as 2025-01-31T08:00:00Z"),
        ("create_time > 2025-02-30", 15, "an instant such as"),
        ("create_time > 2025-01-01T00:00:00", 15, "an instant such as"),
        ("create_time > 2025-01-01T24:00:00Z", 15, "an instant such as"),
        ("create_time > 0001-01-01T00:00:00+01:00", 15, "an instant such as"),
        ("create_time > 2025-01-01*", 15, "a * at the end goes with =, != and : only"),
        ("duration > 5", 12, "a number of seconds and an s, such as 2.5s"),
        ("duration > 5m", 12, "a number of seconds and an s"),
        ("parent = run-*", 10, "the id or the full name of an execution"),
        ("parent = projects/p/executions/run-1", 10, "the id or the full name"),
        ("trigger_id = ''", 14, "write NOT trigger_id:* to find what has no trigger_id"),
        ("trigger_id = a*b", 15, "stands for more characters at the end of a text only"),
        ("trigger_id = **", 14, "at the end of a text only"),
        ('trigger_id = "a*b*"', 16, "at the end of a text only"),
        ("labels = blue", 8, "write labels.KEY to compare one, or labels:KEY to ask for a key"),
        ("labels:*", 8, "a key is expected"),
        ("labels.app.io = blue", 11, 'a key of more than letters, digits, _ and - has to be quoted: labels."KEY"'),
        ("labels. = blue", 8, "a key is expected"),
        ('labels."" = blue', 10, "a key is expected"),
        ('labels."a*" = blue', 8, "a key is written out"),
        ("labels.team = AND", 15, "which is a keyword; quote it"),
        ("labels.team = a,b", 16, "quote a constant that contains it"),
        ("labels.team = a=b", 16, "quote a constant that contains it"),
        ('labels.team = "a"orphan=true', 18, "put a blank between two comparisons"),
        ("labels.team = 'a", 15, "is never closed"),
        (r"labels.team = 'a\n'", 17, "a backslash in quotes stands before"),
        (r"labels.team = a\*", 16, "quote a constant that contains it"),
        ("labels.team = 'a\0'", 17, "U+0000, which no text contains"),
        ("labels.team = a\x07", 16, "U+0007; quote the text around it"),
        ("parameters.flag > true", 17, "true and false have no order"),
        ("parameters.n > 1e999", 16, "is too large"),
        ("(state = FAILED", 1, "the ( that opens here is never closed"),
        ("state = FAILED)", 15, "found ) that closes nothing"),
        ("()", 2, "found ), but a comparison is expected"),
        ("state = FAILED AND", 19, "found the end, but a comparison is expected"),
        ("state = FAILED AND AND orphan=true", 20, "found AND, but"),
        ("OR state = FAILED", 1, "found OR, but"),
        ("NOT NOT state = FAILED", 5, "found NOT, but"),
        ("- - state = FAILED", 2, "but a comparison is expected"),
    ],
)
def test_what_is_wrong_is_told_with_its_position(text, position, said):
    refused = refusal(text)
    assert refused.reason_name == "FILTER_INVALID"
    assert refused.metadata == {"position": str(position)}
    assert f"at character {position}: " in refused.message
    assert said in refused.message
    assert [violation.path for violation in refused.violations] == ["filter"]
    assert said in refused.violations[0].description


def test_control_characters_are_not_repeated():
    assert "\x1b" not in refusal("\x1b[31m = 5").message


def test_a_long_word_is_not_repeated_in_full():
    assert len(refusal(f"state = {'F' * 4_000}").message) < 300


def test_the_limits_are_kept_to_the_last_of_each():
    parse_filter("state=FAILED".ljust(MAX_CHARACTERS))
    assert refusal("state=FAILED".ljust(MAX_CHARACTERS + 1)).metadata == {"position": str(MAX_CHARACTERS + 1)}
    parse_filter("orphan=true " * MAX_COMPARISONS)
    assert refusal("orphan=true " * (MAX_COMPARISONS + 1)).metadata == {"position": str(12 * MAX_COMPARISONS + 1)}
    parse_filter("(" * MAX_NESTING + "orphan=true" + ")" * MAX_NESTING)
    assert refusal("(" * (MAX_NESTING + 1)).metadata == {"position": str(MAX_NESTING + 1)}


@pytest.mark.parametrize("piece", ["(", "-(", "NOT (", "NOT ", "-", "state=", '"', "\\", "a.", "labels."])
def test_no_repetition_exhausts_the_stack(piece):
    assert refusal((piece * MAX_CHARACTERS)[:MAX_CHARACTERS]).reason_name == "FILTER_INVALID"


@given(st.text() | st.text(alphabet="state=FAILED()\"'\\*-.:<> ANDORNOT\n"))
def test_a_text_is_blank_or_a_filter_or_refused_with_a_position_in_it(text):
    if not text.strip(" \t\r\n"):
        assert parse_filter(text) is None
        return
    position = position_of_fault(text)
    assert position is None or 1 <= position <= len(text) + 1
