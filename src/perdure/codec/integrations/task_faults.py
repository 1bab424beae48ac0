"""Faults that one task of a definition can have by itself, its expressions and edges aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.expression_faults import known_results
from perdure.codec.integrations.field_faults import length_faults, name_faults, read_value, show, text_faults
from perdure.codec.integrations.policy_faults import policies_faults, rollback_faults
from perdure.codec.integrations.reading import BUILT_IN_NAMES, HANDLERS_OF_BUILT_INS
from perdure.codec.integrations.suspension_faults import callback_faults, success_policy_faults, suspension_faults
from perdure.domain.errors import FieldViolation
from perdure.domain.limits import FAN_OUT_MAX_PARALLELISM, SUSPENSION_MAX
from perdure.domain.validation import (
    HANDLER_NAME,
    HANDLER_NAME_RULE,
    LENGTH_MAX,
    PARAMETER_KEY,
    PARAMETER_KEY_RULE,
    RESOURCE_ID,
    RESOURCE_ID_RULE,
    REVISION_ID,
    TASK_ID,
    TASK_ID_RULE,
    TRIGGER_ID,
    TRIGGER_ID_RULE,
)
from perdure.v1.task_config_pb2 import TaskConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.v1.task_config_pb2 import (
        ForEachConfig,
        ParameterSource,
        SubIntegrationConfig,
        TimerConfig,
    )

_LIST_INPUT: Final = "items"


def task_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    """Find all that is wrong with a task, whatever the other tasks are."""
    yield from name_faults(f"{path}.task_id", task.task_id, TASK_ID, TASK_ID_RULE)
    yield from text_faults(f"{path}.display_name", task.display_name)
    yield from text_faults(f"{path}.description", task.description)
    yield from _handler_faults(path, task)
    for key, source in sorted(task.parameters.items()):
        yield from _input_faults(f"{path}.parameters[{show(key)}]", key, source)
    yield from _output_faults(path, task)
    for position, edge in enumerate(task.next_tasks):
        yield from text_faults(f"{path}.next_tasks[{position}].display_name", edge.display_name)
    yield from _enum_faults(path, task)
    yield from _timeout_faults(path, task)
    yield from policies_faults(path, task)
    yield from rollback_faults(path, task)
    yield from success_policy_faults(path, task)
    yield from _built_in_faults(path, task)


def _timeout_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    """Some built-ins have no attempts that could time out: they take no time, or wait as long as they say."""
    built_in = task.WhichOneof("built_in")
    longest = SUSPENSION_MAX if built_in == "callback" else LENGTH_MAX
    yield from length_faults(f"{path}.timeout", task.timeout, longest)
    if task.HasField("timeout") and built_in in {"timer", "assign", "suspend"}:
        yield FieldViolation(f"{path}.timeout", f"a task with `{built_in}` has no timeout")


def _handler_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    built_in = task.WhichOneof("built_in")
    if built_in:
        name = BUILT_IN_NAMES[built_in]
        if task.task not in {"", name}:
            yield FieldViolation(
                f"{path}.task", f'{show(task.task)} cannot perform it: with {built_in} set it is "{name}"'
            )
    elif task.task in HANDLERS_OF_BUILT_INS:
        field = task.task.replace("-", "_")
        yield FieldViolation(f"{path}.{field}", f"is required: {show(task.task)} is a built-in, which needs its config")
    else:
        yield from name_faults(f"{path}.task", task.task, HANDLER_NAME, HANDLER_NAME_RULE)


def _input_faults(path: str, key: str, source: ParameterSource) -> Iterator[FieldViolation]:
    yield from name_faults(path, key, PARAMETER_KEY, PARAMETER_KEY_RULE)
    match source.WhichOneof("source"):
        case "constant":
            value = read_value(f"{path}.constant", source.constant)
            if isinstance(value, FieldViolation):
                yield value
        case "expression":
            if not source.expression:
                yield FieldViolation(f"{path}.expression", "is empty")
        case _:
            yield FieldViolation(path, "either constant or expression is required")


def _output_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    results = known_results(task)
    seen: set[str] = set()
    for position, output in enumerate(task.outputs):
        place = f"{path}.outputs[{position}]"
        yield from name_faults(f"{place}.result", output.result, PARAMETER_KEY, PARAMETER_KEY_RULE)
        yield from name_faults(f"{place}.parameter", output.parameter, PARAMETER_KEY, PARAMETER_KEY_RULE)
        if results is not None and output.result not in results:
            known = ", ".join(sorted(results)) or "none"
            yield FieldViolation(f"{place}.result", f"no such result; those of this built-in are: {known}")
        if output.parameter in seen:
            yield FieldViolation(f"{place}.parameter", f"{show(output.parameter)} is set by another result already")
        seen.add(output.parameter)


def _enum_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    # Enums are open on the wire: any number can arrive.
    if task.next_tasks_execution_policy not in TaskConfig.NextTasksExecutionPolicy.values():
        yield FieldViolation(f"{path}.next_tasks_execution_policy", f"{task.next_tasks_execution_policy} is no policy")
    if task.task_execution_strategy not in TaskConfig.TaskExecutionStrategy.values():
        yield FieldViolation(f"{path}.task_execution_strategy", f"{task.task_execution_strategy} is no strategy")


def _built_in_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    match task.WhichOneof("built_in"):
        case "timer":
            yield from _timer_faults(f"{path}.timer", task.timer)
        case "assign":
            if not task.assign.assignments:
                yield FieldViolation(f"{path}.assign.assignments", "at least one assignment is required")
            for position, one in enumerate(task.assign.assignments):
                place = f"{path}.assign.assignments[{position}]"
                yield from name_faults(f"{place}.parameter", one.parameter, PARAMETER_KEY, PARAMETER_KEY_RULE)
                if not one.expression:
                    yield FieldViolation(f"{place}.expression", "is required")
        case "sub_integration":
            yield from _sub_integration_faults(f"{path}.sub_integration", task.sub_integration)
        case "for_each":
            yield from _for_each_faults(path, task, task.for_each)
        case "suspend":
            yield from suspension_faults(f"{path}.suspend", task.suspend)
        case "callback":
            yield from callback_faults(f"{path}.callback", task.callback)


def _timer_faults(path: str, timer: TimerConfig) -> Iterator[FieldViolation]:
    match timer.WhichOneof("end"):
        case "delay":
            yield from length_faults(f"{path}.delay", timer.delay, LENGTH_MAX)
        case "until_expression" if timer.until_expression:
            pass
        case _:
            yield FieldViolation(path, "either delay or until_expression is required")


def _sub_integration_faults(path: str, config: SubIntegrationConfig) -> Iterator[FieldViolation]:
    yield from name_faults(f"{path}.integration_id", config.integration_id, RESOURCE_ID, RESOURCE_ID_RULE)
    if config.trigger_id:
        yield from name_faults(f"{path}.trigger_id", config.trigger_id, TRIGGER_ID, TRIGGER_ID_RULE)
    if config.revision_id:
        yield from name_faults(f"{path}.revision_id", config.revision_id, REVISION_ID, "an id such as 000001-a4d")


def _for_each_faults(path: str, task: TaskConfig, loop: ForEachConfig) -> Iterator[FieldViolation]:
    place = f"{path}.for_each"
    if not loop.items:
        yield FieldViolation(f"{place}.items", "is required")
    taken = set(task.parameters)
    if _LIST_INPUT in taken:
        yield FieldViolation(f'{path}.parameters["{_LIST_INPUT}"]', "is the name of the list itself in a for-each")
    yield from _loop_name_faults(f"{place}.item_parameter", loop.item_parameter, taken)
    if loop.index_parameter:
        yield from _loop_name_faults(f"{place}.index_parameter", loop.index_parameter, taken | {loop.item_parameter})
    match loop.WhichOneof("target"):
        case "task" if loop.task in HANDLERS_OF_BUILT_INS:
            yield FieldViolation(
                f"{place}.task", f"{show(loop.task)} is a built-in; only a handler can perform an item"
            )
        case "task":
            yield from name_faults(f"{place}.task", loop.task, HANDLER_NAME, HANDLER_NAME_RULE)
        case "sub_integration":
            yield from _sub_integration_faults(f"{place}.sub_integration", loop.sub_integration)
            if loop.sub_integration.HasField("wait") and not loop.sub_integration.wait:
                yield FieldViolation(
                    f"{place}.sub_integration.wait", "must not be false: a for-each waits for its items"
                )
        case _:
            yield FieldViolation(place, "either task or sub_integration is required")
    if loop.HasField("parallelism") and not 1 <= loop.parallelism <= FAN_OUT_MAX_PARALLELISM:
        yield FieldViolation(
            f"{place}.parallelism", f"{loop.parallelism} is out of range, 1 to {FAN_OUT_MAX_PARALLELISM} are allowed"
        )


def _loop_name_faults(path: str, name: str, taken: set[str]) -> Iterator[FieldViolation]:
    yield from name_faults(path, name, PARAMETER_KEY, PARAMETER_KEY_RULE)
    if name and name in taken:
        yield FieldViolation(path, f"{show(name)} is the name of another input")
