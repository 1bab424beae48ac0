"""What a filter says, checked and typed: conditions that are ready to be matched or turned into a query.

Every condition is either true or false of an execution; there is no third value. A comparison with a field
that is not set is false, so its negation is true. Not set are: a time that has not come, the duration of an
execution that has not both started and ended, an empty trigger id, the parent of an execution without one, the
current task where there is none, the error code of one without an error, and the key of a label or parameter
that is not there. Every other field is always set.

A tree that was read has one form for each meaning that differs by parentheses only: no `And` directly holds an
`And`, no `Or` an `Or` and no `Not` a `Not`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Field(Enum):
    """What can be asked of an execution; the value is its name in a filter."""

    EXECUTION_ID = "execution_id"
    STATE = "state"
    CREATE_TIME = "create_time"
    START_TIME = "start_time"
    UPDATE_TIME = "update_time"
    END_TIME = "end_time"
    DURATION = "duration"
    REVISION_ID = "integration_revision_id"
    SNAPSHOT_NUMBER = "snapshot_number"
    LABEL = "labels"
    TRIGGER_ID = "trigger_id"
    EXECUTION_METHOD = "execution_method"
    PRIORITY = "priority"
    PARENT = "parent"
    ROOT = "root"
    ORPHAN = "orphan"
    STARTED_BY = "started_by"
    CURRENT_TASK = "current_task"
    ERROR_CODE = "error.code"
    PARAMETER = "parameters"


class SuspensionField(Enum):
    """What can be asked of a suspension; the value is its name in a filter."""

    STATE = "state"
    KIND = "kind"
    TASK_NUMBER = "task_number"
    INTEGRATION = "integration"
    EXECUTION_ID = "execution_id"
    CREATE_TIME = "create_time"
    EXPIRE_TIME = "expire_time"


AnyField = Field | SuspensionField


class Operator(Enum):
    """How a field is compared. `!=` is the negation of `EQUAL`.

    Only instants, lengths, numbers, labels and parameters are compared as less or greater; texts by code points.
    `PREFIX` is for texts: the ids, the error code, tasks, labels and parameters, but neither parent nor root.
    """

    EQUAL = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    PREFIX = "prefix"
    """The text begins with the operand, which is not empty."""
    SET = "set"
    """The field has a value; for labels and parameters, there is the key. The operand is None."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a constant.

    `CURRENT_TASK` holds if it holds of one of the current tasks.

    Attributes:
        key: Of the label or the parameter; empty for every other field.
        operand: By field: the number of a state, a method or of what started it; microseconds for
            instants (since the epoch) and lengths; int for numbers; bool for `ORPHAN`; str for ids, the
            parent and the root (ids, not names), the error code, tasks and labels. For parameters str, int
            or float: as `EQUAL` and `PREFIX` compare texts, theirs is always the text of a value, see
            `parameter_text`; the others compare numbers with numbers and texts with texts, and are false
            of booleans. Integers fit int64, and a float is written as an integer where that is the same number.
            Texts are empty for labels and parameters only.
    """

    field: AnyField
    operator: Operator
    operand: str | int | float | bool | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All conditions hold; at least two."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the conditions holds; at least two."""

    conditions: tuple[Condition, ...]


Condition = Comparison | Not | And | Or


def parameter_text(value: str | float | bool) -> str:
    """Write the value of a searchable parameter as the text that equality compares.

    A number that is a whole one reads the same as an integer and as a double, so that `5` finds both.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 2**53):
        return str(int(value))
    return repr(value)
