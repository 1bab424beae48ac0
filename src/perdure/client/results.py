"""What the client answers with where a message of the contract would be awkward in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perdure.client.names import last_part
from perdure.client.values import all_to_python

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.v1.execution_pb2 import ExecutionDetails
    from perdure.v1.execution_service_pb2 import CountExecutionsResponse, ExecuteResponse
    from perdure.v1.replay_pb2 import ReplayExecutionResponse
    from perdure.v1.suspension_service_pb2 import SignalExecutionResponse


@dataclass(frozen=True, slots=True)
class ExecuteResult:
    """What a call of Execute has started.

    Attributes:
        name: The name of the execution; empty if `-` matched several integrations, and with `validate_only`.
        executions: The names of all executions that the call started.
        outputs: The outputs of the one synchronous execution, as Python objects; empty otherwise.
        store_revision: The store revision that the answer was given on.
        request_id: What the call was made with; calling again with it gets the same answer.
    """

    name: str
    executions: tuple[str, ...]
    outputs: Mapping[str, object]
    store_revision: int
    request_id: str

    @property
    def execution_id(self) -> str:
        """The id at the end of the name."""
        return last_part(self.name)


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay has started.

    Attributes:
        name: The name of the new execution; empty with `validate_only`.
        original: The name of the execution that it replays.
        outputs: The outputs of the new execution, as Python objects, if its end was waited for; else empty.
        store_revision: The store revision that the answer was given on.
        request_id: What the call was made with; calling again with it gets the same answer.
    """

    name: str
    original: str
    outputs: Mapping[str, object]
    store_revision: int
    request_id: str

    @property
    def execution_id(self) -> str:
        """The id at the end of the name."""
        return last_part(self.name)


@dataclass(frozen=True, slots=True)
class SignalResult:
    """What became of a signal.

    Attributes:
        task_number: The task that consumed it; empty if it is kept for a later one.
        duplicate: True if a signal with the id had been taken before, so that this one changed nothing.
        signal_id: What it was sent with; sending it again changes nothing.
        store_revision: The store revision that the answer was given on.
    """

    task_number: str
    duplicate: bool
    signal_id: str
    store_revision: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many executions match.

    Attributes:
        total: All of them.
        by_state: The same by state; states without an execution are absent.
        lower_bound: True when there may be more, because the server looks at 1,000,000 executions at most.
        store_revision: A store revision that the numbers show all of.
    """

    total: int
    by_state: Mapping[ExecutionDetails.State.ValueType, int]
    lower_bound: bool
    store_revision: int


def count_of(response: CountExecutionsResponse) -> Count:
    """Make the count of an answer."""
    return Count(
        total=response.count,
        by_state={each.state: each.count for each in response.state_counts},
        lower_bound=response.lower_bound,
        store_revision=response.store_revision,
    )


def result_of(response: ExecuteResponse, request_id: str) -> ExecuteResult:
    """Make the result of an answer."""
    return ExecuteResult(
        name=response.execution,
        executions=tuple(response.executions),
        outputs=all_to_python(response.output_parameters),
        store_revision=response.store_revision,
        request_id=request_id,
    )


def replay_of(response: ReplayExecutionResponse, request_id: str) -> ReplayResult:
    """Make the result of an answer."""
    return ReplayResult(
        name=response.execution,
        original=response.replayed_execution,
        outputs=all_to_python(response.output_parameters),
        store_revision=response.store_revision,
        request_id=request_id,
    )


def signal_of(response: SignalExecutionResponse, signal_id: str) -> SignalResult:
    """Make the result of an answer."""
    return SignalResult(
        task_number=response.task_number,
        duplicate=response.duplicate,
        signal_id=signal_id,
        store_revision=response.store_revision,
    )
