"""The domain's enums have the numbers of the contract, so that converting one is a cast."""

from enum import IntEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from perdure.domain.integration import JoinStrategy, NextTasksPolicy, RetryStrategy
from perdure.domain.states import ExecutionMethod, ExecutionState, Severity, StartedBy, TaskState
from perdure.domain.value import ValueKind
from perdure.v1.error_pb2 import ErrorEntry
from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.integration_pb2 import IntegrationParameter
from perdure.v1.task_config_pb2 import FailurePolicy, TaskConfig
from perdure.v1.value_pb2 import ValueType

ROLLBACK = {"PENDING_ROLLBACK", "ROLLBACK_IN_PROCESS", "ROLLEDBACK"}


@pytest.mark.parametrize(
    ("domain", "contract", "prefix"),
    [
        (ExecutionState, ExecutionDetails.State, ""),
        (ExecutionMethod, Execution.ExecutionMethod, ""),
        (StartedBy, Execution.StartedBy, "STARTED_BY_"),
        (Severity, ErrorEntry.Severity, "SEVERITY_"),
        (RetryStrategy, FailurePolicy.RetryStrategy, "RETRY_STRATEGY_"),
        (JoinStrategy, TaskConfig.TaskExecutionStrategy, "TASK_EXECUTION_STRATEGY_"),
        (NextTasksPolicy, TaskConfig.NextTasksExecutionPolicy, "NEXT_TASKS_EXECUTION_POLICY_"),
    ],
)
def test_names_and_numbers_are_the_same(domain: type[IntEnum], contract: EnumTypeWrapper, prefix: str):
    assert {prefix + member.name: member.value for member in domain} == dict(contract.items()[1:])


def test_task_states_are_the_same_but_for_rollback():
    contract = dict(TaskExecutionDetails.TaskExecutionState.items()[1:])
    assert {name: number for name, number in contract.items() if name not in ROLLBACK} == {
        state.name: state.value for state in TaskState
    }


def test_a_kind_of_value_is_the_number_of_its_field_and_of_its_data_type():
    fields = {field.name.removesuffix("_value").upper(): field.number for field in ValueType.DESCRIPTOR.fields}
    assert {kind.name: kind.value for kind in ValueKind} == fields
    types = {
        name.removeprefix("DATA_TYPE_").removesuffix("_VALUE"): number
        for name, number in IntegrationParameter.DataType.items()[1:]
    }
    assert types == fields
