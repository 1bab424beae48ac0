"""The domain's enums have the numbers of the contract, so that converting one is a cast."""

from enum import IntEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from perdure.domain.events import SuspensionKind, UndoAction
from perdure.domain.integration import (
    JoinStrategy,
    NextTasksPolicy,
    RetryStrategy,
    RollbackFailureAction,
    SavepointRetention,
)
from perdure.domain.states import ExecutionMethod, ExecutionState, ReplayMode, Severity, StartedBy, TaskState
from perdure.domain.value import ValueKind
from perdure.v1.error_pb2 import ErrorEntry
from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.integration_pb2 import IntegrationParameter
from perdure.v1.intervention_pb2 import ResolveRollbackRequest
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.task_config_pb2 import FailurePolicy, RollbackConfig, TaskConfig
from perdure.v1.value_pb2 import ValueType


@pytest.mark.parametrize(
    ("domain", "contract", "prefix"),
    [
        (ExecutionState, ExecutionDetails.State, ""),
        (ExecutionMethod, Execution.ExecutionMethod, ""),
        (StartedBy, Execution.StartedBy, "STARTED_BY_"),
        (ReplayMode, Execution.ReplayMode, "REPLAY_MODE_"),
        (SavepointRetention, Execution.SavepointRetention, "SAVEPOINT_RETENTION_"),
        (RollbackFailureAction, RollbackConfig.FailureAction, "FAILURE_ACTION_"),
        (UndoAction, ResolveRollbackRequest.Action, "ACTION_"),
        (SuspensionKind, Suspension.Kind, "KIND_"),
        (Severity, ErrorEntry.Severity, "SEVERITY_"),
        (RetryStrategy, FailurePolicy.RetryStrategy, "RETRY_STRATEGY_"),
        (JoinStrategy, TaskConfig.TaskExecutionStrategy, "TASK_EXECUTION_STRATEGY_"),
        (NextTasksPolicy, TaskConfig.NextTasksExecutionPolicy, "NEXT_TASKS_EXECUTION_POLICY_"),
    ],
)
def test_names_and_numbers_are_the_same(domain: type[IntEnum], contract: EnumTypeWrapper, prefix: str):
    assert {prefix + member.name: member.value for member in domain} == dict(contract.items()[1:])


def test_task_states_are_the_same():
    contract = dict(TaskExecutionDetails.TaskExecutionState.items()[1:])
    assert contract == {state.name: state.value for state in TaskState}


def test_a_kind_of_value_is_the_number_of_its_field_and_of_its_data_type():
    fields = {field.name.removesuffix("_value").upper(): field.number for field in ValueType.DESCRIPTOR.fields}
    assert {kind.name: kind.value for kind in ValueKind} == fields
    types = {
        name.removeprefix("DATA_TYPE_").removesuffix("_VALUE"): number
        for name, number in IntegrationParameter.DataType.items()[1:]
    }
    assert types == fields
