"""The table from errors to statuses."""

import importlib
import pkgutil

import grpc
import pytest
from google.rpc.status_pb2 import Status

import perdure
from perdure.domain import errors
from perdure.domain.errors import FieldViolation, InvalidRequest, LimitReached, PerdureError
from perdure.service.status import CODES, DETAILS_MAX_BYTES, VIOLATIONS_MAX, code_of, outcome_of
from perdure.v1.error_reason_pb2 import ErrorReason


def subclasses(root):
    for each in root.__subclasses__():
        yield each
        yield from subclasses(each)


def all_errors():
    for package in ("domain", "codec", "engine", "dispatch", "service", "watch"):
        root = importlib.import_module(f"perdure.{package}")
        for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            importlib.import_module(module.name)
    return [PerdureError, *subclasses(PerdureError)]


def test_every_error_of_the_domain_has_its_own_row():
    own = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PerdureError)]
    assert set(own) <= set(CODES)


def test_every_error_has_a_code_and_only_faults_of_the_server_are_internal():
    assert perdure is not None
    for each in all_errors():
        code = next(CODES[base] for base in each.__mro__ if base in CODES)
        assert code is not grpc.StatusCode.UNKNOWN
        assert (code is grpc.StatusCode.INTERNAL) == (each.reason == "INTERNAL")


def test_every_reason_is_one_of_the_contract():
    assert {each.reason for each in all_errors()} <= set(ErrorReason.keys())


def test_a_thousand_violations_stay_under_the_limit_of_trailers():
    violations = [FieldViolation(f"field[{n}]", "é" * 5_000) for n in range(1_000)]
    outcome = outcome_of(InvalidRequest("x" * 100_000, *violations))
    assert len(outcome.details) <= DETAILS_MAX_BYTES
    assert outcome.code is grpc.StatusCode.INVALID_ARGUMENT


def test_twenty_short_violations_are_told():
    violations = [FieldViolation(f"field[{n}]", "is wrong") for n in range(100)]
    status = Status.FromString(outcome_of(InvalidRequest("wrong", *violations)).details)
    bad_request = next(each for each in status.details if each.TypeName() == "google.rpc.BadRequest")
    assert bad_request.value.count(b"is wrong") == VIOLATIONS_MAX


@pytest.mark.parametrize("retry_after", [0.25, 5.0])
def test_a_limit_tells_when_to_come_again(retry_after):
    outcome = outcome_of(LimitReached("full", retry_after=retry_after))
    names = [each.TypeName() for each in Status.FromString(outcome.details).details]
    assert names == ["google.rpc.ErrorInfo", "google.rpc.QuotaFailure", "google.rpc.RetryInfo"]


def test_a_text_with_half_a_surrogate_pair_can_be_sent():
    assert outcome_of(InvalidRequest("\ud800")).message == "?"


def test_a_subclass_has_the_code_of_its_base():
    class Stranger(LimitReached):
        pass

    assert code_of(Stranger("full")) is grpc.StatusCode.RESOURCE_EXHAUSTED
