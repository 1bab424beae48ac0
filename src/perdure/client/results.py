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
