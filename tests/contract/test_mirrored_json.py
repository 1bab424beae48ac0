"""An execution reads in JSON like the resource that it mirrors (semantics.md 1A.1 to 1A.3)."""

import json

from google.protobuf import json_format

from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.value_pb2 import ValueType

NAME = "projects/acme/locations/local/integrations/order/executions/0199-a"

MIRRORED = {
    "name": NAME,
    "triggerId": "api_trigger/order",
    "executionMethod": "POST_TO_QUEUE",
    "createTime": "2026-03-04T05:06:07.123456Z",
    "updateTime": "2026-03-04T05:06:09Z",
    "snapshotNumber": "3",
    "requestParameters": {
        "text": {"stringValue": "blue"},
        "whole": {"intValue": "9007199254740993"},
        "real": {"doubleValue": 0.5},
        "flag": {"booleanValue": False},
        "texts": {"stringArray": {"stringValues": ["a", "b"]}},
        "wholes": {"intArray": {"intValues": ["1", "-2"]}},
        "reals": {"doubleArray": {"doubleValues": [1.5, 2.5]}},
        "flags": {"booleanArray": {"booleanValues": [True, False]}},
        "json": {"jsonValue": '{"sku": [1, 2]}'},
    },
    "responseParameters": {"ErrorInfo": {"jsonValue": '{"message": "no stock", "code": 9}'}},
    "directSubExecutions": [
        {"name": f"{NAME}-1", "executionMethod": "POST", "executionDetails": {"state": "SUSPENDED"}},
        {"name": f"{NAME}-2", "executionMethod": "SCHEDULE", "executionDetails": {"state": "PENDING"}},
    ],
    "executionDetails": {
        "state": "RETRY_ON_HOLD",
        "attemptStats": [
            {"startTime": "2026-03-04T05:06:07Z", "endTime": "2026-03-04T05:06:08Z"},
            {"startTime": "2026-03-04T06:00:00Z"},
        ],
        "eventExecutionSnapshotsSize": "2048",
        "executionSnapshots": [
            {
                "checkpointTaskNumber": "reserve",
                "executionSnapshotMetadata": {
                    "taskNumber": "reserve",
                    "task": "stock.reserve",
                    "taskLabel": "Reserve stock",
                    "executionAttempt": 1,
                    "taskAttempt": 2,
                    "integrationName": "order",
                    "ancestorTaskNumbers": ["outer"],
                    "ancestorIterationNumbers": ["4"],
                },
                "params": {"sku": {"stringValue": "X"}},
                "taskExecutionDetails": [
                    {
                        "taskNumber": "reserve",
                        "taskExecutionState": "SUCCEED",
                        "taskAttemptStats": [{"startTime": "2026-03-04T05:06:07Z"}],
                    },
                    {"taskNumber": "ship", "taskExecutionState": "PENDING_EXECUTION"},
                ],
            }
        ],
        "taskExecutionDetails": [
            {"taskNumber": "reserve", "taskExecutionState": "ROLLEDBACK"},
            {"taskNumber": "ship", "taskExecutionState": "FAILED"},
        ],
    },
}


def test_the_mirrored_spelling_is_read_and_written_letter_by_letter():
    execution = json_format.Parse(json.dumps(MIRRORED), Execution())
    assert json.loads(json_format.MessageToJson(execution)) == MIRRORED


def test_the_mirrored_fields_survive_the_wire():
    execution = json_format.ParseDict(MIRRORED, Execution())
    assert json_format.MessageToDict(Execution.FromString(execution.SerializeToString())) == MIRRORED


def test_execution_methods_are_the_mirrored_ones():
    assert dict(Execution.ExecutionMethod.items()) == {
        "EXECUTION_METHOD_UNSPECIFIED": 0,
        "POST": 1,
        "SCHEDULE": 2,
        "POST_TO_QUEUE": 3,
    }


def test_execution_states_are_the_mirrored_ones():
    assert ExecutionDetails.State.keys() == [
        "STATE_UNSPECIFIED",
        "PENDING",
        "PROCESSING",
        "SUCCEEDED",
        "FAILED",
        "CANCELLED",
        "RETRY_ON_HOLD",
        "SUSPENDED",
    ]


def test_task_states_are_the_mirrored_thirteen():
    assert TaskExecutionDetails.TaskExecutionState.items() == [
        ("TASK_EXECUTION_STATE_UNSPECIFIED", 0),
        ("PENDING_EXECUTION", 1),
        ("IN_PROCESS", 2),
        ("SUCCEED", 3),
        ("FAILED", 4),
        ("FATAL", 5),
        ("RETRY_ON_HOLD", 6),
        ("SKIPPED", 7),
        ("CANCELLED", 8),
        ("PENDING_ROLLBACK", 9),
        ("ROLLBACK_IN_PROCESS", 10),
        ("ROLLEDBACK", 11),
        ("SUSPENDED", 12),
    ]


def test_a_value_has_one_of_nine_kinds():
    assert [field.json_name for field in ValueType.DESCRIPTOR.oneofs_by_name["value"].fields] == [
        "stringValue",
        "intValue",
        "doubleValue",
        "booleanValue",
        "stringArray",
        "intArray",
        "doubleArray",
        "booleanArray",
        "jsonValue",
    ]
