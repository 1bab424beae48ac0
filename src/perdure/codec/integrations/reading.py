"""From the contract's `Integration` to the one of the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from perdure.codec.values import value_from_message
from perdure.domain import integration as rules
from perdure.domain.limits import FAN_OUT_DEFAULT_PARALLELISM, TEARDOWN_TIMEOUT, VALUE_MAX_BYTES
from perdure.domain.value import ValueKind
from perdure.v1 import integration_pb2 as v1
from perdure.v1 import task_config_pb2 as task_v1

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

BUILT_IN_NAMES: Final = {
    "timer": "timer",
    "assign": "assign",
    "sub_integration": "sub-integration",
    "for_each": "for-each",
    "suspend": "suspend",
    "callback": "callback",
}
"""By the field that configures it, the name that a built-in has among the handlers."""

HANDLERS_OF_BUILT_INS: Final = frozenset(BUILT_IN_NAMES.values())

_IN = v1.IntegrationParameter.INPUT_OUTPUT_TYPE_IN
_OUT = v1.IntegrationParameter.INPUT_OUTPUT_TYPE_OUT
_IN_OUT = v1.IntegrationParameter.INPUT_OUTPUT_TYPE_IN_OUT


def read_integration(message: v1.Integration, revision_id: str, ordinal: int) -> rules.Integration:
    """Read a definition in which `find_faults` found nothing."""
    return rules.Integration(
        name=message.name.rpartition("/")[2],
        revision_id=revision_id,
        ordinal=ordinal,
        tasks={task.task_id: _read_task(task) for task in message.tasks},
        parameters={parameter.key: _read_parameter(parameter) for parameter in message.parameters},
        triggers={trigger.trigger_id: _read_trigger(trigger) for trigger in message.triggers},
        max_runtime=microseconds(message.max_runtime),
        default_priority=message.default_priority,
        labels=dict(message.labels),
        retention=read_retention(message),
        error_catchers={catcher.error_catcher_id: _read_catcher(catcher) for catcher in message.error_catchers},
        error_catcher=message.error_catcher_id,
        teardown=tuple(_read_teardown_task(task) for task in message.teardown_tasks),
        # In all enums here 0 stands for 1, the default.
        savepoint_retention=rules.SavepointRetention(message.savepoint_retention or 1),
    )


def read_retention(message: v1.Integration) -> rules.Retention | None:
    """Read how long executions are kept, if the definition says so."""
    if not message.HasField("retention"):
        return None
    retention = message.retention
    return rules.Retention(
        max_age=microseconds(retention.max_age) if retention.HasField("max_age") else None,
        max_count=retention.max_count or None,
    )


def microseconds(length: Duration) -> int:
    """Count the microseconds of a length of time; what is finer is cut off."""
    return length.seconds * 1_000_000 + length.nanos // 1_000


def _read_parameter(message: v1.IntegrationParameter) -> rules.Parameter:
    return rules.Parameter(
        key=message.key,
        kind=ValueKind(message.data_type),
        default=value_from_message(message.default_value, VALUE_MAX_BYTES)
        if message.HasField("default_value")
        else None,
        is_input=message.input_output_type in {_IN, _IN_OUT},
        is_output=message.input_output_type in {_OUT, _IN_OUT},
        searchable=message.searchable,
    )


def _read_trigger(message: v1.TriggerConfig) -> rules.Trigger:
    return rules.Trigger(
        message.trigger_id,
        tuple(start.task_id for start in message.start_tasks),
        criteria=message.criteria,
        error_catcher=message.error_catcher_id,
    )


def _read_catcher(message: v1.ErrorCatcherConfig) -> rules.ErrorCatcher:
    return rules.ErrorCatcher(message.error_catcher_id, tuple(start.task_id for start in message.start_error_tasks))


def _read_teardown_task(message: task_v1.TaskConfig) -> rules.TaskConfig:
    task = _read_task(message)
    if task.timeout or isinstance(task.built_in, rules.Assign):
        return task
    return replace(task, timeout=TEARDOWN_TIMEOUT)


def _read_task(message: task_v1.TaskConfig) -> rules.TaskConfig:
    built_in = message.WhichOneof("built_in")
    return rules.TaskConfig(
        task_id=message.task_id,
        handler=BUILT_IN_NAMES[built_in] if built_in else message.task,
        parameters={key: _read_source(source) for key, source in sorted(message.parameters.items())},
        outputs=tuple(rules.OutputMapping(output.result, output.parameter) for output in message.outputs),
        edges=tuple(rules.Edge(edge.task_id, edge.condition) for edge in message.next_tasks),
        next_tasks_policy=rules.NextTasksPolicy(message.next_tasks_execution_policy or 1),
        join=rules.JoinStrategy(message.task_execution_strategy or 1),
        failure_policy=_read_policy(message.failure_policy) if message.HasField("failure_policy") else None,
        synchronous_failure_policy=_read_policy(message.synchronous_call_failure_policy)
        if message.HasField("synchronous_call_failure_policy")
        else None,
        conditional_failure_policies=_read_conditional(message.conditional_failure_policies),
        # Of a callback it is the length of the wait.
        timeout=0 if built_in == "callback" else microseconds(message.timeout),
        checkpoint=message.checkpoint if message.HasField("checkpoint") else True,
        built_in=_read_built_in(message),
        precondition=message.precondition,
        error_catcher=message.error_catcher_id,
        rollback=_read_rollback(message.rollback) if message.HasField("rollback") else None,
        suspension=_read_suspension(message.suspension_config) if message.HasField("suspension_config") else None,
    )


def _read_source(message: task_v1.ParameterSource) -> rules.Source:
    if message.HasField("constant"):
        return value_from_message(message.constant, VALUE_MAX_BYTES)
    return rules.Expression(message.expression)


def _read_policy(message: task_v1.FailurePolicy) -> rules.FailurePolicy:
    return rules.FailurePolicy(
        strategy=rules.RetryStrategy(message.retry_strategy or rules.RetryStrategy.NONE),
        max_retries=message.max_retries,
        interval=microseconds(message.interval),
        max_interval=microseconds(message.max_interval),
        condition=message.condition,
    )


def _read_conditional(message: task_v1.ConditionalFailurePolicies) -> tuple[rules.FailurePolicy, ...]:
    policies = [*message.failure_policies]
    if message.HasField("default_failure_policy"):
        # It has no condition, so that at the end of the list it applies when none before it does.
        policies.append(message.default_failure_policy)
    return tuple(_read_policy(policy) for policy in policies)


def _read_built_in(message: task_v1.TaskConfig) -> rules.BuiltIn | None:
    match message.WhichOneof("built_in"):
        case "timer":
            return rules.Timer(microseconds(message.timer.delay), message.timer.until_expression)
        case "assign":
            return rules.Assign(tuple((one.parameter, one.expression) for one in message.assign.assignments))
        case "sub_integration":
            return _read_sub_integration(message.sub_integration)
        case "for_each":
            return _read_for_each(message.for_each)
        case "suspend":
            return _read_suspension(message.suspend)
        case "callback":
            timeout = microseconds(message.callback.timeout) or microseconds(message.timeout)
            return rules.Callback(message.callback.signal, timeout)
        case _:
            return None


def _read_sub_integration(message: task_v1.SubIntegrationConfig) -> rules.SubIntegration:
    return rules.SubIntegration(
        integration=message.integration_id,
        trigger_id=message.trigger_id,
        revision_id=message.revision_id,
        wait=message.wait if message.HasField("wait") else True,
    )


def _read_for_each(message: task_v1.ForEachConfig) -> rules.ForEach:
    return rules.ForEach(
        items=message.items,
        item_parameter=message.item_parameter,
        index_parameter=message.index_parameter,
        handler=message.task,
        target=_read_sub_integration(message.sub_integration) if message.HasField("sub_integration") else None,
        parallelism=message.parallelism if message.HasField("parallelism") else FAN_OUT_DEFAULT_PARALLELISM,
        continue_on_failure=message.continue_on_failure,
    )


def _read_suspension(message: task_v1.SuspensionConfig) -> rules.SuspensionConfig:
    return rules.SuspensionConfig(
        who_may_resolve=tuple(message.who_may_resolve),
        message=message.custom_message,
        expire_after=microseconds(message.expire_after),
        remind_after=microseconds(message.remind_after),
        lift_when_expired=message.lift_when_expired,
    )


def _read_rollback(message: task_v1.RollbackConfig) -> rules.Rollback:
    return rules.Rollback(
        handler=message.task,
        failure_policy=_read_policy(message.failure_policy) if message.HasField("failure_policy") else None,
        timeout=microseconds(message.timeout),
        on_unknown_outcome=message.on_unknown_outcome,
        failure_action=rules.RollbackFailureAction(message.failure_action or 1),
    )
