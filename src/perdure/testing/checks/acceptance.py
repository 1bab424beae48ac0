"""Whether what was acknowledged is there, and nothing else is."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from perdure.testing.logs import Outcome
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from perdure.testing.checks.evidence import Evidence, Start


def acknowledged_are_found(evidence: Evidence) -> Iterator[str]:
    """I1: an execution whose acceptance was told is found from then on, with the inputs that were sent."""
    acknowledged = evidence.acknowledged()
    for name, start in acknowledged.items():
        code, execution = evidence.got.get(name, ("missing", Execution()))
        if code != "OK":
            yield f"{name} was acknowledged, and Get answers {code}"
        elif not _fits(start, execution):
            yield f"{name} is not what was asked for"
    for began, name in evidence.missed:
        if name in acknowledged and acknowledged[name].operation.ended < began:
            yield f"{name} was acknowledged, and a later call was told NOT_FOUND"


def refusals_create_nothing(evidence: Evidence) -> Iterator[str]:
    """I2: a call that was definitely refused has created no execution."""
    for leftover in _leftovers(evidence):
        if leftover.fits is Outcome.REFUSED:
            yield f"{leftover.name} exists, and the only call that asks for it was refused"


def one_execution_per_request(evidence: Evidence) -> Iterator[str]:
    """I3: a request id stands for the same executions in every answer, and for no others."""
    answers: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for start in evidence.starts:
        if start.request.request_id and start.operation.outcome is Outcome.OK:
            answers[_scope(start), start.request.request_id].add(tuple(sorted(start.operation.executions)))
    for (_, request_id), executions in answers.items():
        if len(executions) > 1:
            yield f"request {request_id} was answered with {sorted(executions)}"
    for leftover in _leftovers(evidence):
        if leftover.fits is Outcome.OK:
            yield f"{leftover.name} is one more execution of a request that has one"


def the_list_is_complete(evidence: Evidence) -> Iterator[str]:
    """I4: the last list holds all that was acknowledged, some of unknown outcome, their children, and no more."""
    for name in evidence.acknowledged():
        if name not in evidence.listed:
            yield f"{name} was acknowledged and is not listed"
    for name, count in Counter(evidence.list_entries).items():
        if count > 1:
            yield f"{name} is listed {count} times"
    identities = {_identity(name) for name in evidence.listed}
    for name, execution in evidence.listed.items():
        if evidence.got.get(name, ("missing",))[0] != "OK":
            yield f"{name} is listed, and Get does not find it"
        if execution.parent and _identity(execution.parent) not in identities:
            yield f"{name} is the child of {execution.parent}, which is not listed"
    for leftover in _leftovers(evidence):
        if leftover.fits is None:
            yield f"{leftover.name} is listed, and nobody asked for it"


def names_are_not_reused(evidence: Evidence) -> Iterator[str]:
    """I5: the executions of different requests have different names."""
    owners: dict[str, Hashable] = {}
    for start in evidence.starts:
        if not start.creates:
            continue
        owner = _claim(start)
        for name in start.operation.executions:
            if owners.setdefault(name, owner) != owner:
                yield f"{name} was given to two requests"


def no_call_meets_a_fault(evidence: Evidence) -> Iterator[str]:
    """I33: no call is answered INTERNAL by the server."""
    for operation in evidence.operations:
        if operation.code == "INTERNAL" and operation.reason:
            yield f"{operation.rpc} of {operation.client} was answered INTERNAL"


class _Leftover(NamedTuple):
    """A listed execution that no answer and no call of unknown outcome accounts for.

    Attributes:
        fits: Outcome of a call that asked for just this; None if there is none.
    """

    name: str
    fits: Outcome | None


def _leftovers(evidence: Evidence) -> Iterator[_Leftover]:
    acknowledged = evidence.acknowledged()
    answered = {_claim(start) for start in evidence.starts if start.operation.executions}
    starts = [start for start in evidence.starts if start.creates]
    open_claims = {
        _claim(start): start
        for start in starts
        if start.operation.outcome is Outcome.UNKNOWN and _claim(start) not in answered
    }
    claimed: set[tuple[Hashable, str]] = set()
    for name, execution in evidence.listed.items():
        if execution.parent or name in acknowledged:
            continue
        whole = evidence.got.get(name, ("", execution))[1]
        integration = _integration(name)
        fitting = (claim for claim, start in open_claims.items() if _fits(start, whole))
        claim = next((claim for claim in fitting if (claim, integration) not in claimed), None)
        if claim is None:
            outcomes = {start.operation.outcome for start in starts if _fits(start, whole)}
            yield _Leftover(name, Outcome.OK if outcomes - {Outcome.REFUSED} else next(iter(outcomes), None))
        else:
            claimed.add((claim, integration))


def _fits(start: Start, execution: Execution) -> bool:
    """Whether an execution is one that a call asked for."""
    request = start.request
    labels = dict(execution.labels)
    return (
        start.integration in ("-", _integration(execution.name))
        and request.trigger_id == execution.trigger_id
        and (request.execution_method or Execution.POST) == execution.execution_method
        and request.input_parameters == execution.request_parameters
        and request.description == execution.description
        and all(labels.get(key) == value for key, value in request.labels.items())
        and request.user_execution_id in ("", execution.name.rpartition("/")[2])
    )


def _claim(start: Start) -> Hashable:
    """What may create at most one set of executions: a request id, or a call without one."""
    if start.request.request_id:
        return (_scope(start), start.request.request_id)
    return (start.operation.client, start.operation.began)


def _identity(execution: str) -> tuple[str, str]:
    """What a name stands for, whichever integration it names: an id is unique within its project."""
    return (execution.split("/")[1], execution.rpartition("/")[2])


def _scope(start: Start) -> str:
    return start.request.name.split("/")[1]


def _integration(execution: str) -> str:
    return execution.split("/")[5]
