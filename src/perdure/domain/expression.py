"""Expressions as the rules see them: a text, a scope to read from, and a value or an error.

The language itself is behind `Evaluator`; its only implementation is `perdure.expression.cel`.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from perdure.domain.frozen import frozen
from perdure.domain.value import NO_VALUES, Value, ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK_VARIABLES: Final = frozenset({"params", "tasks", "execution"})
"""What every expression of an integration may name."""

FAILURE_VARIABLES: Final = TASK_VARIABLES | {"error"}
"""What the condition of a failure policy may name: also the failure that it judges."""

ITEM_VARIABLES: Final = TASK_VARIABLES | {"item", "index"}
"""What an expression inside a `for-each` may name: also the item and its position from 0."""

CATCHER_VARIABLES: Final = FAILURE_VARIABLES
"""What an expression of a catcher's or teardown task may name: also the failure for which it runs."""

EXECUTION_FIELDS: Final = frozenset(
    {"id", "integration", "trigger_id", "attempt", "priority", "create_time", "bucket", "development"}
)
"""The fields of the variable `execution`.

`create_time` is RFC 3339 text in UTC; `bucket` is a number from 0 to 99 that depends on the id alone.
"""

ERROR_FIELDS: Final = frozenset({"code", "message", "task"})
"""The fields of the variable `error`; all empty where nothing failed."""


@frozen
class Scope:
    """What an expression can read at one moment of one execution.

    Attributes:
        parameters: The execution's parameters: `params.NAME`.
        task_outputs: Outputs by task id, of tasks that succeeded: `tasks.ID.outputs.NAME`.
        execution: Facts about the execution, by the names in `EXECUTION_FIELDS`.
        error: The failure that a policy's condition judges, or for which a catcher's or teardown task runs; None
            elsewhere.
        extra: The loop's `item` and `index`; empty elsewhere.
    """

    parameters: Mapping[str, Value]
    task_outputs: Mapping[str, Mapping[str, Value]]
    execution: Mapping[str, str | int | bool]
    error: Mapping[str, str] | None = None
    extra: Mapping[str, Value] = field(default_factory=lambda: NO_VALUES)


@frozen
class TaskReference:
    """An expression's mention of a task.

    Attributes:
        output: None if the outputs are used as a whole, or by a name that is computed.
    """

    task_id: str
    output: str | None


@frozen
class References:
    """What an expression mentions: at least all that it can read, perhaps more.

    Attributes:
        parameters: Parameters mentioned by name.
        tasks: Tasks mentioned by id.
        variables: Which of the variables (`params`, `tasks`, `item`, ...) are mentioned at all.
        all_parameters: Whether `params` is used otherwise than by a name written out.
        all_tasks: Whether `tasks` is used otherwise than by an id written out.
    """

    parameters: frozenset[str]
    tasks: frozenset[TaskReference]
    variables: frozenset[str]
    all_parameters: bool
    all_tasks: bool


@frozen
class ExpressionProblem:
    """One fault of an expression, found without running it.

    Attributes:
        line: Counted from 1; 0 if the fault has no place.
        column: In characters, counted from 1; 0 if the fault has no place.
    """

    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}" if self.line else self.message


class ExpressionError(Exception):
    """An expression that yields no value.

    Attributes:
        message: What went wrong, for the author of the integration.
        problems: The faults with their places, if the expression does not compile.
    """

    def __init__(self, message: str, problems: tuple[ExpressionProblem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems


class Evaluator(Protocol):
    """Evaluates expressions: pure, the same text on the same scope yields the same outcome."""

    def evaluate(self, expression: str, scope: Scope) -> Value:
        """Compute a value.

        A plain reference (`params.x`, `tasks.a.outputs.b`) hands out the value as it is, in its kind.

        Raises:
            ExpressionError: It does not compile, reads what is not there, fails, or works too long.
        """
        ...

    def test(self, expression: str, scope: Scope) -> bool:
        """Decide a condition.

        Raises:
            ExpressionError: As for `evaluate`, and if the result is not a boolean.
        """
        ...

    def references(self, expression: str) -> References:
        """Say what the expression mentions.

        Raises:
            ExpressionError: It does not compile.
        """
        ...

    def check(
        self, expression: str, variables: frozenset[str] = TASK_VARIABLES, *, condition: bool = False
    ) -> tuple[ExpressionProblem, ...]:
        """Find all faults that show without running it; the check of a deploy.

        Args:
            expression: The text.
            variables: What it may name where it stands.
            condition: Whether it must yield a boolean.
        """
        ...

    def fit(self, value: Value, kind: ValueKind) -> Value:
        """Convert a value to a declared kind where nothing is lost.

        Raises:
            ExpressionError: It does not fit; the message says what was expected.
        """
        ...

    def value(self, plain: str | bool) -> Value:
        """Make a value of a text or a truth value."""
        ...

    def items(self, value: Value) -> list[Value]:
        """Take a list apart, for a `for-each`.

        Raises:
            ExpressionError: The value is no list.
        """
        ...

    def instant(self, expression: str, scope: Scope) -> int:
        """Compute an instant, in microseconds since the epoch, from RFC 3339 text.

        Raises:
            ExpressionError: As for `evaluate`, and if the result is no instant.
        """
        ...
