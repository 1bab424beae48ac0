"""A real server on a free port, stubs for it, and what its errors say."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf import text_format
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from perdure.config import Settings
from perdure.server import Server
from perdure.v1 import execution_pb2, execution_service_pb2, integration_pb2, integration_service_pb2
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub
from perdure.v1.server_service_pb2_grpc import ServerServiceStub
from perdure.v1.value_pb2 import ValueType

LOCATION = "projects/p/locations/local"
ANY = f"{LOCATION}/integrations/-"

INTEGRATIONS = {
    # Ends in the commit that creates it.
    "increment": """
        parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
        triggers { trigger_id: "api/increment" }
        triggers { trigger_id: "api/shared" }
        tasks { task_id: "a" display_name: "Add one" next_tasks { task_id: "b" }
                assign { assignments { parameter: "x" expression: "params.x + 1" } } }
        tasks { task_id: "b" assign { assignments { parameter: "x" expression: "params.x * 10" } } }
    """,
    # Waits for an hour.
    "wait": 'tasks { task_id: "t" timer { delay { seconds: 3600 } } } triggers { trigger_id: "api/wait" }',
    # Fails at once.
    "divide": """
        parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
        triggers { trigger_id: "api/shared" }
        tasks { task_id: "d" assign { assignments { parameter: "x" expression: "1 / (params.x - params.x)" } } }
    """,
    # Runs another one.
    "outer": """
        parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
        tasks { task_id: "s" parameters { key: "x" value { expression: "params.x" } }
                outputs { result: "x" parameter: "x" } sub_integration { integration_id: "increment" } }
    """,
    # Runs another one for each of two items.
    "both": """
        tasks { task_id: "f" for_each { items: "[1, 2]" item_parameter: "x"
                                        sub_integration { integration_id: "increment" } } }
    """,
    # Waits for a worker that never comes.
    "idle": 'tasks { task_id: "w" task: "nobody" }',
}


@dataclass
class Stubs:
    """A server with a channel to it."""

    server: Server
    channel: grpc.aio.Channel
    executions: ExecutionServiceStub
    integrations: IntegrationServiceStub
    info: ServerServiceStub

    async def deploy(self, *names):
        """Creates some of the integrations."""
        for name in names:
            await self.integrations.CreateIntegration(create(name, INTEGRATIONS[name]))

    def begin(self, request):
        """Executes as if the answer were a stream: unary calls of grpc.aio hold metadata back until the end."""
        return self.channel.unary_stream(
            "/perdure.v1.ExecutionService/Execute",
            execution_service_pb2.ExecuteRequest.SerializeToString,
            execution_service_pb2.ExecuteResponse.FromString,
        )(request)

    async def execute(self, name, method="POST_TO_QUEUE", **fields):
        """Starts an execution."""
        request = execution_service_pb2.ExecuteRequest(
            name=integration(name), execution_method=execution_pb2.Execution.ExecutionMethod.Value(method), **fields
        )
        return await self.executions.Execute(request)


@asynccontextmanager
async def serving(data: Path, *names: str, apps: tuple[str, ...] = (), workers: str = "none", **settings):
    """Serves from a directory, with some of the integrations deployed."""
    server = await Server.start(Settings(data=data, listen="127.0.0.1:0", apps=apps, workers=workers, **settings))
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            stubs = Stubs(
                server,
                channel,
                ExecutionServiceStub(channel),
                IntegrationServiceStub(channel),
                ServerServiceStub(channel),
            )
            await stubs.deploy(*names)
            yield stubs
    finally:
        await server.drain(0.0)


def definition(text):
    """Reads the definition of an integration."""
    return text_format.Parse(text, integration_pb2.Integration())


def create(name, text):
    """Makes the request that creates an integration."""
    return integration_service_pb2.CreateIntegrationRequest(
        parent=LOCATION, integration_id=name, integration=definition(text)
    )


def integration(name):
    """Writes the name of an integration."""
    return f"{LOCATION}/integrations/{name}"


def ints(**values):
    """Makes parameters of whole numbers."""
    return {key: ValueType(int_value=value) for key, value in values.items()}


@dataclass
class Refusal:
    """What an error says."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    fields: list[str]
    details: dict[str, object]
    size: int


def refusal(error):
    """Reads an error, whose details all agree and stay small."""
    raw = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    status = Status.FromString(raw)
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    details = {}
    for packed in status.details:
        message = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])()
        assert packed.Unpack(message)
        details[message.DESCRIPTOR.name] = message
    info = details["ErrorInfo"]
    assert info.domain == "perdure"
    violations = details["BadRequest"].field_violations if "BadRequest" in details else []
    return Refusal(
        error.code(),
        status.message,
        info.reason,
        dict(info.metadata),
        [each.field for each in violations],
        details,
        len(raw),
    )


async def refused(call):
    """Awaits a call that must fail, and reads why it did."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    raise AssertionError(f"the call was answered: {answer}")
