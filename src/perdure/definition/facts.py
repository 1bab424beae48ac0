"""What expressions can read about the execution itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from perdure.definition.terms import Term
from perdure.definition.traced import Traced


@dataclass(frozen=True, slots=True)
class ExecutionFacts:
    """Facts about an execution.

    Attributes:
        id: Its id within the project.
        integration: Id of its integration.
        trigger_id: The trigger that started it; empty if none did.
        attempt: From 1; a restart has the next number.
        priority: 0 to 999.
        create_time: RFC 3339 text in UTC.
        bucket: 0 to 99, the same for ever: `execution.bucket < 5` holds for one execution in twenty.
        development: Whether it is in development mode.
    """

    id: str
    integration: str
    trigger_id: str
    attempt: int
    priority: int
    create_time: str
    bucket: int
    development: bool


execution: Final = cast("ExecutionFacts", Traced(Term("execution", ExecutionFacts)))
"""The execution in which an expression is evaluated, for use in integrations and criteria."""
