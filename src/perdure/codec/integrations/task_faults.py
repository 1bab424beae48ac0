"""Faults that one task of a definition can have by itself, its expressions and edges aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.expression_faults import known_results
from perdure.codec.integrations.field_faults import length_faults, name_faults, read_value, show, text_faults
from perdure.codec.integrations.reading import BUILT_IN_NAMES, microseconds
from perdure.domain.errors import FieldViolation
from perdure.domain.integration import RetryStrategy
from perdure.domain.limits import FAN_OUT_MAX_PARALLELISM, INTERVAL_MAX, RETRIES_MAX
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
        ConditionalFailurePolicies,
        FailurePolicy,
        ForEachConfig,
        ParameterSource,
        SubIntegrationConfig,
        TimerConfig,
    )

_HANDLERS_OF_BUILT_INS: Final = frozenset(BUILT_IN_NAMES.values())
_RETRYING: Final = frozenset(
    {
        RetryStrategy.FIXED_INTERVAL,
        RetryStrategy.LINEAR_BACKOFF,
        RetryStrategy.EXPONENTIAL_BACKOFF,
        RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF,
    }
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
    yield from length_faults(f"{path}.timeout", task.timeout, LENGTH_MAX)
    yield from _timeout_faults(path, task)
    yield from _all_policies_faults(path, task)
    yield from _built_in_faults(path, task)


def _timeout_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    """A timer waits as long as it says and an assignment takes no time: neither has attempts that could time out."""
    built_in = task.WhichOneof("built_in")
    if task.HasField("timeout") and built_in in {"timer", "assign"}:
        yield FieldViolation(f"{path}.timeout", f"a task with `{built_in}` has no timeout")


def _handler_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    built_in = task.WhichOneof("built_in")
    if built_in:
        name = BUILT_IN_NAMES[built_in]
        if task.task not in {"", name}:
            yield FieldViolation(
                f"{path}.task", f'{show(task.task)} cannot perform it: with {built_in} set it is "{name}"'
            )
    elif task.task in _HANDLERS_OF_BUILT_INS:
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


def _all_policies_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    if task.HasField("failure_policy"):
        yield from _unconditional_faults(f"{path}.failure_policy", task.failure_policy)
    if task.HasField("synchronous_call_failure_policy"):
        yield from _unconditional_faults(
            f"{path}.synchronous_call_failure_policy", task.synchronous_call_failure_policy
        )
    if task.HasField("conditional_failure_policies"):
        yield from _conditional_faults(f"{path}.conditional_failure_policies", task.conditional_failure_policies)


def _conditional_faults(path: str, policies: ConditionalFailurePolicies) -> Iterator[FieldViolation]:
    if not policies.failure_policies:
        yield FieldViolation(f"{path}.failure_policies", "at least one policy is required")
    for position, policy in enumerate(policies.failure_policies):
        yield from _policy_faults(f"{path}.failure_policies[{position}]", policy)
    if policies.HasField("default_failure_policy"):
        yield from _unconditional_faults(f"{path}.default_failure_policy", policies.default_failure_policy)


def _unconditional_faults(path: str, policy: FailurePolicy) -> Iterator[FieldViolation]:
    if policy.condition:
        yield FieldViolation(
            f"{path}.condition", "must be empty: only conditional_failure_policies.failure_policies have conditions"
        )
    yield from _policy_faults(path, policy)


def _policy_faults(path: str, policy: FailurePolicy) -> Iterator[FieldViolation]:
    retries, retrying = policy.max_retries, int(policy.retry_strategy) in _RETRYING
    if policy.retry_strategy not in policy.RetryStrategy.values():
        yield FieldViolation(f"{path}.retry_strategy", f"{policy.retry_strategy} is no strategy")
    if not 0 <= retries <= RETRIES_MAX:
        yield FieldViolation(f"{path}.max_retries", f"{retries} is out of range, 0 to {RETRIES_MAX} are allowed")
    elif retrying and not retries:
        yield FieldViolation(f"{path}.max_retries", "is required, and above 0, for a strategy that tries again")
    if retrying and not policy.HasField("interval"):
        yield FieldViolation(f"{path}.interval", "is required, and above zero, for a strategy that tries again")
    else:
        yield from length_faults(f"{path}.interval", policy.interval, INTERVAL_MAX, minimum=1 if retrying else 0)
    yield from length_faults(f"{path}.max_interval", policy.max_interval, None)
    if 0 < microseconds(policy.max_interval) < microseconds(policy.interval):
        yield FieldViolation(f"{path}.max_interval", "is shorter than interval")


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
        case "task" if loop.task in _HANDLERS_OF_BUILT_INS:
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
