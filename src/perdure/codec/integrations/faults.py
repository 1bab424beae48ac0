"""All faults of a definition at once, each with the path of its field.

Paths begin with `integration`, count from 0 and write a map's key in brackets:
`integration.tasks[3].parameters["sku"].expression`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.catcher_faults import catchers_faults
from perdure.codec.integrations.connected_faults import connected_faults, duplicate_faults
from perdure.codec.integrations.field_faults import length_faults, name_faults, read_value, show, text_faults
from perdure.codec.integrations.task_faults import task_faults
from perdure.codec.integrations.teardown_faults import teardown_faults
from perdure.codec.values import KIND_NAMES
from perdure.domain.errors import FieldViolation
from perdure.domain.limits import (
    EDGES_MAX,
    LABEL_MAX_CHARACTERS,
    LABELS_MAX,
    PARAMETERS_MAX,
    PARAMETERS_MAX_BYTES,
    PRIORITY_MAX,
    RETENTION_MAX_COUNT,
    RETENTION_MIN,
    SEARCHABLE_MAX,
    TASKS_MAX,
    TEARDOWN_MAX,
    TRIGGERS_MAX,
)
from perdure.domain.validation import (
    LENGTH_MAX,
    PARAMETER_KEY,
    PARAMETER_KEY_RULE,
    TRIGGER_ID,
    TRIGGER_ID_RULE,
)
from perdure.domain.value import ValueKind
from perdure.v1.execution_pb2 import Execution
from perdure.v1.integration_pb2 import Integration, IntegrationParameter, TriggerConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from perdure.domain.expression import Evaluator

_ROOT: Final = "integration"

CATCHERS_MAX: Final = 100
"""Most error catchers of an integration."""

_SEARCHABLE_KINDS: Final = frozenset({ValueKind.STRING, ValueKind.INT, ValueKind.DOUBLE, ValueKind.BOOLEAN})


def find_faults(message: Integration, evaluator: Evaluator) -> list[FieldViolation]:
    """Find everything that is wrong with a definition.

    The name is not looked at: it is no part of the content. A definition beyond the limits for its size is
    not looked at further. Each different expression costs about a tenth of a millisecond.
    """
    too_large = list(_size_faults(message))
    if too_large:
        return too_large
    return [
        *_header_faults(message),
        *_retention_faults(f"{_ROOT}.retention", message.retention),
        *_parameters_faults(message.parameters),
        *_searchable_faults(message.parameters),
        *chain.from_iterable(
            _trigger_faults(f"{_ROOT}.triggers[{position}]", trigger)
            for position, trigger in enumerate(message.triggers)
        ),
        *chain.from_iterable(
            task_faults(f"{_ROOT}.tasks[{position}]", task) for position, task in enumerate(message.tasks)
        ),
        *catchers_faults(_ROOT, message.error_catchers),
        *teardown_faults(_ROOT, message.teardown_tasks),
        *duplicate_faults(_ROOT, message),
        *connected_faults(_ROOT, message, evaluator),
    ]


def _size_faults(message: Integration) -> Iterator[FieldViolation]:
    for field, count, limit in (
        ("teardown_tasks", len(message.teardown_tasks), TEARDOWN_MAX),
        ("parameters", len(message.parameters), PARAMETERS_MAX),
        ("triggers", len(message.triggers), TRIGGERS_MAX),
        ("error_catchers", len(message.error_catchers), CATCHERS_MAX),
    ):
        if count > limit:
            yield FieldViolation(f"{_ROOT}.{field}", f"has {count} entries, the limit is {limit}")
    teardown = len(message.teardown_tasks)
    if len(message.tasks) + teardown > TASKS_MAX:
        beside = f" with {teardown} in teardown_tasks" if teardown else ""
        count, limit = len(message.tasks), TASKS_MAX - teardown
        yield FieldViolation(f"{_ROOT}.tasks", f"has {count} entries, the limit is {limit}{beside}")
    edges = sum(len(task.next_tasks) for task in chain(message.tasks, message.teardown_tasks))
    if edges > EDGES_MAX:
        yield FieldViolation(f"{_ROOT}.tasks", f"has {edges} edges, the limit is {EDGES_MAX}")


def _header_faults(message: Integration) -> Iterator[FieldViolation]:
    yield from text_faults(f"{_ROOT}.display_name", message.display_name)
    yield from text_faults(f"{_ROOT}.description", message.description)
    yield from length_faults(f"{_ROOT}.max_runtime", message.max_runtime, LENGTH_MAX)
    if not 0 <= message.default_priority <= PRIORITY_MAX:
        yield FieldViolation(
            f"{_ROOT}.default_priority", f"{message.default_priority} is out of range, 0 to {PRIORITY_MAX} are allowed"
        )
    if not message.tasks:
        yield FieldViolation(f"{_ROOT}.tasks", "at least one task is required")
    if message.savepoint_retention not in Execution.SavepointRetention.values():
        yield FieldViolation(f"{_ROOT}.savepoint_retention", f"{message.savepoint_retention} is no retention")
    if len(message.labels) > LABELS_MAX:
        yield FieldViolation(f"{_ROOT}.labels", f"has {len(message.labels)} entries, the limit is {LABELS_MAX}")
    for key, value in sorted(message.labels.items()):
        if not 1 <= len(key) <= LABEL_MAX_CHARACTERS or len(value) > LABEL_MAX_CHARACTERS:
            yield FieldViolation(
                f"{_ROOT}.labels[{show(key)}]",
                f"keys have 1 to {LABEL_MAX_CHARACTERS} characters, values at most {LABEL_MAX_CHARACTERS}",
            )


def _retention_faults(path: str, retention: Integration.Retention) -> Iterator[FieldViolation]:
    if retention.HasField("max_age"):
        yield from length_faults(f"{path}.max_age", retention.max_age, LENGTH_MAX, minimum=RETENTION_MIN)
    if not 0 <= retention.max_count <= RETENTION_MAX_COUNT:
        yield FieldViolation(
            f"{path}.max_count", f"{retention.max_count} is out of range, 1 to {RETENTION_MAX_COUNT} are allowed"
        )


def _parameters_faults(parameters: Iterable[IntegrationParameter]) -> Iterator[FieldViolation]:
    total = 0
    for position, parameter in enumerate(parameters):
        path = f"{_ROOT}.parameters[{position}]"
        yield from name_faults(f"{path}.key", parameter.key, PARAMETER_KEY, PARAMETER_KEY_RULE)
        yield from text_faults(f"{path}.display_name", parameter.display_name)
        yield from text_faults(f"{path}.description", parameter.description)
        if parameter.input_output_type not in IntegrationParameter.InputOutputType.values():
            yield FieldViolation(f"{path}.input_output_type", f"{parameter.input_output_type} is no such type")
        if int(parameter.data_type) not in KIND_NAMES:
            yield FieldViolation(f"{path}.data_type", "is required: one of the kinds of a value")
        if parameter.HasField("default_value"):
            total += parameter.default_value.ByteSize()
            yield from _default_faults(f"{path}.default_value", parameter)
    if total > PARAMETERS_MAX_BYTES:
        yield FieldViolation(
            f"{_ROOT}.parameters", f"the defaults together have {total} bytes, the limit is {PARAMETERS_MAX_BYTES}"
        )


def _searchable_faults(parameters: Iterable[IntegrationParameter]) -> Iterator[FieldViolation]:
    searchable = 0
    for position, parameter in enumerate(parameters):
        if not parameter.searchable:
            continue
        searchable += 1
        kind = int(parameter.data_type)
        if kind in KIND_NAMES and kind not in _SEARCHABLE_KINDS:
            yield FieldViolation(
                f"{_ROOT}.parameters[{position}].searchable",
                f"a parameter of the kind {KIND_NAMES[ValueKind(kind)]} cannot be: only texts, numbers and booleans",
            )
    if searchable > SEARCHABLE_MAX:
        yield FieldViolation(
            f"{_ROOT}.parameters", f"{searchable} of them are searchable, the limit is {SEARCHABLE_MAX}"
        )


def _default_faults(path: str, parameter: IntegrationParameter) -> Iterator[FieldViolation]:
    value = read_value(path, parameter.default_value)
    if isinstance(value, FieldViolation):
        yield value
    elif (expected := int(parameter.data_type)) in KIND_NAMES and value.kind != expected:
        yield FieldViolation(path, f"expected {KIND_NAMES[ValueKind(expected)]}, got {KIND_NAMES[value.kind]}")


def _trigger_faults(path: str, trigger: TriggerConfig) -> Iterator[FieldViolation]:
    yield from name_faults(f"{path}.trigger_id", trigger.trigger_id, TRIGGER_ID, TRIGGER_ID_RULE)
    yield from text_faults(f"{path}.label", trigger.label)
    yield from text_faults(f"{path}.description", trigger.description)
