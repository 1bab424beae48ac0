"""All faults of a definition at once, each with the path of its field.

Paths begin with `integration`, count from 0 and write a map's key in brackets:
`integration.tasks[3].parameters["sku"].expression`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.expression_faults import (
    ExpressionCheck,
    expression_sites,
    known_results,
    settable_parameters,
)
from perdure.codec.integrations.field_faults import length_faults, name_faults, read_value, show, text_faults
from perdure.codec.integrations.task_faults import task_faults
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
    TRIGGERS_MAX,
)
from perdure.domain.validation import (
    LENGTH_MAX,
    PARAMETER_KEY,
    PARAMETER_KEY_RULE,
    TRIGGER_ID,
    TRIGGER_ID_RULE,
    Ancestry,
    EdgeFault,
    Shape,
    StartFault,
    TaskFault,
    graph_faults,
)
from perdure.domain.value import ValueKind
from perdure.v1.integration_pb2 import Integration, IntegrationParameter, TriggerConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from perdure.domain.expression import Evaluator

_ROOT: Final = "integration"

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
        *_duplicate_faults("parameters", "key", [parameter.key for parameter in message.parameters]),
        *_duplicate_faults("triggers", "trigger_id", [trigger.trigger_id for trigger in message.triggers]),
        *_duplicate_faults("tasks", "task_id", [task.task_id for task in message.tasks]),
        *_connected_faults(message, evaluator),
    ]


def _size_faults(message: Integration) -> Iterator[FieldViolation]:
    edges = sum(len(task.next_tasks) for task in message.tasks)
    for field, count, limit in (
        ("tasks", len(message.tasks), TASKS_MAX),
        ("parameters", len(message.parameters), PARAMETERS_MAX),
        ("triggers", len(message.triggers), TRIGGERS_MAX),
    ):
        if count > limit:
            yield FieldViolation(f"{_ROOT}.{field}", f"has {count} entries, the limit is {limit}")
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


def _positions(ids: Iterable[str]) -> dict[str, int]:
    """Say where each id stands first."""
    positions: dict[str, int] = {}
    for position, one in enumerate(ids):
        positions.setdefault(one, position)
    return positions


def _duplicate_faults(field: str, id_field: str, ids: Sequence[str]) -> Iterator[FieldViolation]:
    first = _positions(ids)
    for position, one in enumerate(ids):
        if one and first[one] != position:
            yield FieldViolation(
                f"{_ROOT}.{field}[{position}].{id_field}", f"{show(one)} is the id of {field}[{first[one]}] already"
            )


def _connected_faults(message: Integration, evaluator: Evaluator) -> Iterator[FieldViolation]:
    """Find what is wrong between tasks. Of several with one id, the first is looked at."""
    tasks = _positions(task.task_id for task in message.tasks)
    triggers = _positions(trigger.trigger_id for trigger in message.triggers)
    shape = Shape(
        edges={task_id: [edge.task_id for edge in message.tasks[at].next_tasks] for task_id, at in tasks.items()},
        start_tasks={
            trigger_id: [start.task_id for start in message.triggers[at].start_tasks]
            for trigger_id, at in triggers.items()
        },
    )
    ancestry = Ancestry(shape)
    for fault in graph_faults(shape, ancestry):
        match fault:
            case EdgeFault():
                path = f"tasks[{tasks[fault.task_id]}].next_tasks[{fault.edge}].task_id"
            case StartFault():
                path = f"triggers[{triggers[fault.trigger_id]}].start_tasks[{fault.position}].task_id"
            case TaskFault():
                path = f"tasks[{tasks[fault.task_id]}].task_id"
        yield FieldViolation(f"{_ROOT}.{path}", fault.description)
    yield from _expression_faults(message, evaluator, ancestry)
    yield from _output_faults(message)


def _output_faults(message: Integration) -> Iterator[FieldViolation]:
    """Find outputs that nobody gives a value: as a rule, the name was misspelt where a task sets it."""
    given = set(chain.from_iterable(settable_parameters(task) for task in message.tasks))
    for position, parameter in enumerate(message.parameters):
        only_out = parameter.input_output_type == IntegrationParameter.INPUT_OUTPUT_TYPE_OUT
        if only_out and parameter.key not in given and not parameter.HasField("default_value"):
            set_ones = ", ".join(map(show, sorted(given))) or "none"
            yield FieldViolation(
                f"{_ROOT}.parameters[{position}]", f"no task sets this output; what tasks set: {set_ones}"
            )


def _expression_faults(message: Integration, evaluator: Evaluator, ancestry: Ancestry) -> Iterator[FieldViolation]:
    known = {parameter.key for parameter in message.parameters}
    known.update(chain.from_iterable(settable_parameters(task) for task in message.tasks))
    results = {task.task_id: known_results(task) for task in reversed(message.tasks)}
    check = ExpressionCheck(evaluator, known, results, ancestry)
    for position, task in enumerate(message.tasks):
        for site in expression_sites(f"{_ROOT}.tasks[{position}]", task):
            yield from check.faults(site)
