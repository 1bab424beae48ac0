"""How long executions are kept, as authors write it: `retention=Retention(max_age="7d", max_count=1000)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from perdure.definition.errors import DefinitionError
from perdure.definition.lengths import LengthOfTime, duration
from perdure.v1 import integration_pb2 as v1
from perdure.v1.execution_pb2 import Execution

SavepointRetention = Literal["all", "last", "none"]
"""Which snapshots of an execution are kept."""

SAVEPOINT_RETENTIONS: Final = {
    # The default is left unset, as by authors of YAML.
    "all": Execution.SAVEPOINT_RETENTION_UNSPECIFIED,
    "last": Execution.SAVEPOINT_RETENTION_LAST,
    "none": Execution.SAVEPOINT_RETENTION_NONE,
}


@dataclass(frozen=True, slots=True)
class Retention:
    """Keep executions that have ended, each with its whole tree, so long and so many.

    Attributes:
        max_age: How long after its end an execution is kept, 1 minute to 10 years; None for as long as the
            server says.
        max_count: How many are kept, the newest ended, sub-executions aside, 1 to 10,000,000; None for any number.
    """

    max_age: LengthOfTime | None = None
    max_count: int | None = None


def retention_message(retention: Retention) -> v1.Integration.Retention:
    """Make the contract's message.

    Raises:
        DefinitionError: The age is no length of time, or the count is not above zero.
    """
    message = v1.Integration.Retention()
    if retention.max_age is not None:
        message.max_age.CopyFrom(duration(retention.max_age))
    if retention.max_count is not None:
        # In the contract 0 stands for no limit, which nobody means who writes it here.
        if retention.max_count < 1:
            raise DefinitionError(f"max_count {retention.max_count} keeps nothing; at least 1 is kept")
        message.max_count = retention.max_count
    return message
