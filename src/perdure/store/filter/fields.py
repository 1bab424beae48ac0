"""The fields of a filter: their names, and what each is compared with (semantics.md row 23)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.domain.events import SuspensionKind
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from perdure.store.filter.constants import BOOLEAN, INSTANT, LABEL, LENGTH, REFERENCE, TEXT, WHOLE, Kind, one_of
from perdure.store.filter.tree import AnyField, Field, SuspensionField
from perdure.store.suspensions import SuspensionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STARTED_BY_PREFIX: Final = "STARTED_BY_"
"""What the names of `Execution.StartedBy` begin with; filters may leave it out."""

KEYED: Final = frozenset({Field.LABEL, Field.PARAMETER})
"""The fields that hold a value for each of several keys."""

NAMES: Final[dict[AnyField, dict[str, int]]] = {
    Field.STATE: {each.name: each for each in ExecutionState},
    Field.EXECUTION_METHOD: {each.name: each for each in ExecutionMethod},
    Field.STARTED_BY: {each.name: each for each in StartedBy},
}
"""The fields that have one of a few named values, and the number of each."""

_STARTED_BY: Final = {f"{STARTED_BY_PREFIX}{name}": number for name, number in NAMES[Field.STARTED_BY].items()}

KINDS: Final[dict[AnyField, Kind]] = {
    Field.EXECUTION_ID: TEXT,
    Field.STATE: one_of(NAMES[Field.STATE]),
    Field.CREATE_TIME: INSTANT,
    Field.START_TIME: INSTANT,
    Field.UPDATE_TIME: INSTANT,
    Field.END_TIME: INSTANT,
    Field.DURATION: LENGTH,
    Field.REVISION_ID: TEXT,
    Field.SNAPSHOT_NUMBER: WHOLE,
    Field.LABEL: LABEL,
    Field.TRIGGER_ID: TEXT,
    Field.EXECUTION_METHOD: one_of(NAMES[Field.EXECUTION_METHOD]),
    Field.PRIORITY: WHOLE,
    Field.PARENT: REFERENCE,
    Field.ROOT: REFERENCE,
    Field.ORPHAN: BOOLEAN,
    Field.STARTED_BY: one_of(NAMES[Field.STARTED_BY] | _STARTED_BY),
    Field.CURRENT_TASK: TEXT,
    Field.ERROR_CODE: TEXT,
}
"""What a field is compared with; a parameter can be of several kinds (`read_parameter`)."""


def _camel_case(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What can be asked of things of one sort.

    Attributes:
        kinds: What each field is compared with; a parameter has no kind of its own.
        example: A comparison, for those who wrote none.
        fields: The fields by their names, in the spellings that are understood.
        listing: The names of all fields, for people.
    """

    kinds: Mapping[AnyField, Kind]
    example: str
    fields: Mapping[str, AnyField]
    listing: str


def _vocabulary(fields: Iterable[AnyField], kinds: Mapping[AnyField, Kind], example: str) -> Vocabulary:
    spellings = {spelling: field for field in fields for spelling in (field.value, _camel_case(field.value))}
    listing = ", ".join(f"{field.value}.KEY" if field in KEYED else field.value for field in fields)
    return Vocabulary(kinds, example, spellings, listing)


EXECUTIONS: Final = _vocabulary(Field, KINDS, "state = FAILED")
"""What can be asked of executions (semantics.md row 23)."""

SUSPENSION_NAMES: Final[dict[AnyField, dict[str, int]]] = {
    SuspensionField.STATE: {each.name: each for each in SuspensionState},
    SuspensionField.KIND: {each.name: each for each in SuspensionKind},
}
"""As `NAMES`, of suspensions."""

SUSPENSIONS: Final = _vocabulary(
    SuspensionField,
    {
        SuspensionField.STATE: one_of(SUSPENSION_NAMES[SuspensionField.STATE]),
        SuspensionField.KIND: one_of(SUSPENSION_NAMES[SuspensionField.KIND]),
        SuspensionField.TASK_NUMBER: TEXT,
        SuspensionField.INTEGRATION: TEXT,
        SuspensionField.EXECUTION_ID: TEXT,
        SuspensionField.CREATE_TIME: INSTANT,
        SuspensionField.EXPIRE_TIME: INSTANT,
    },
    "state = PENDING",
)
"""What can be asked of suspensions."""
