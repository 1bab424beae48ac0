"""Integrations that fail until a parameter is right, and the calls that replay them."""

from perdure.v1 import execution_pb2, integration_service_pb2
from perdure.v1.execution_service_pb2 import GetExecutionRequest
from perdure.v1.replay_pb2 import ReplayExecutionRequest
from tests.service.serving import create, definition, integration

Execution = execution_pb2.Execution
State = execution_pb2.ExecutionDetails.State
TaskState = execution_pb2.TaskExecutionDetails.TaskExecutionState

PARAMETERS = """
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
    parameters { key: "d" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN
                 default_value { int_value: 1 } }
    parameters { key: "note" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT
                 default_value { string_value: "none" } }
"""
FIRST = 'tasks { task_id: "a" assign { assignments { parameter: "n" expression: "params.n + 1" } } '
SECOND = 'tasks { task_id: "b" assign { assignments { parameter: "n" expression: "params.n * 10" } } '
THIRD = 'tasks { task_id: "c" assign { assignments { parameter: "n" expression: "params.n / params.d" } } }'

# a: n + 1, b: n * 10, c: n / d, which fails for 0.
DIVIDE = f'{PARAMETERS} {FIRST} next_tasks {{ task_id: "b" }} }} {SECOND} next_tasks {{ task_id: "c" }} }} {THIRD}'
# The same, with a wait in the middle.
WAIT = f"""
    {PARAMETERS} {FIRST} next_tasks {{ task_id: "w" }} }}
    tasks {{ task_id: "w" timer {{ delay {{ seconds: 3600 }} }} next_tasks {{ task_id: "c" }} }} {THIRD}
"""


async def deploy(stubs, name, text):
    """Creates an integration."""
    await stubs.integrations.CreateIntegration(create(name, text))


async def redeploy(stubs, name, text):
    """Gives an integration another revision."""
    message = definition(text)
    message.name = integration(name)
    request = integration_service_pb2.UpdateIntegrationRequest(integration=message)
    await stubs.integrations.UpdateIntegration(request)


async def run(stubs, name, **fields):
    """Runs an integration to its end, whatever it is, and returns the name of the execution."""
    return (await stubs.execute(name, "POST", do_not_propagate_error=True, **fields)).execution


async def replay(stubs, name, mode="FROM_BEGINNING", **fields):
    """Replays an execution."""
    fields.setdefault("replay_reason", "once more")
    return await stubs.executions.ReplayExecution(
        ReplayExecutionRequest(name=name, replay_mode=Execution.ReplayMode.Value(f"REPLAY_MODE_{mode}"), **fields)
    )


async def get(stubs, name, view=Execution.VIEW_FULL):
    """Gets an execution."""
    return await stubs.executions.GetExecution(GetExecutionRequest(name=name, view=view))


def state_of(shown):
    """Names the state of an execution."""
    return State.Name(shown.execution_details.state)
