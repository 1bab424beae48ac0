"""Failures are shown in full or in brief, and found among the outputs."""

import pytest

from perdure.codec.errors import (
    ERROR_INFO,
    cancellation,
    error_info_value,
    put_error,
    put_error_entry,
)
from perdure.codec.values import decode_value
from perdure.domain.execution import ErrorEntry
from perdure.domain.states import Failure, Severity
from perdure.domain.value import ValueKind
from perdure.v1 import error_pb2

FAILURE = Failure("CARD_REFUSED", "no funds", '{"try":"later"}', "charge", "a trace", retryable=False)


def test_a_failure_is_shown_with_all_that_is_known_of_it():
    message = error_pb2.Error()
    put_error(FAILURE, message)
    assert message == error_pb2.Error(
        code="CARD_REFUSED", message="no funds", payload='{"try":"later"}', context="charge", stack_trace="a trace"
    )


def test_a_brief_failure_has_neither_payload_nor_stack_trace():
    message = error_pb2.Error()
    put_error(FAILURE, message, brief=True)
    assert message == error_pb2.Error(code="CARD_REFUSED", message="no funds", context="charge")


def test_an_entry_of_the_error_list_says_which_attempt_failed_and_whether_it_was_handled():
    message = error_pb2.ErrorEntry()
    put_error_entry(ErrorEntry(FAILURE, "charge", 2, 1, Severity.WARNING, handled=True, time=1_500_000), message)
    assert message.error.code == "CARD_REFUSED"
    assert (message.task_number, message.task_attempt, message.execution_attempt) == ("charge", 2, 1)
    assert message.severity == error_pb2.ErrorEntry.SEVERITY_WARNING
    assert message.handled
    assert message.event_time.ToMicroseconds() == 1_500_000


@pytest.mark.parametrize(
    ("code", "number"),
    [("DEADLINE_EXCEEDED", 4), ("TIMEOUT", 4), ("EXECUTION_CANCELLED", 1), ("CARD_REFUSED", 9), ("", 9)],
)
def test_the_error_among_the_outputs_is_json_with_message_and_code(code: str, number: int):
    assert ERROR_INFO == "ErrorInfo"
    value = error_info_value(Failure(code, 'said "no"'))
    assert value.kind is ValueKind.JSON
    assert decode_value(value) == {"message": 'said "no"', "code": number}


def test_a_cancellation_without_a_reason_still_has_a_message():
    assert cancellation("").message
    assert cancellation("asked to").message == "asked to"
