"""A real server, and what there is to ask of its suspensions."""

import asyncio

from perdure.v1 import execution_service_pb2, suspension_service_pb2
from perdure.v1.execution_pb2 import Execution
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2_grpc import SuspensionServiceStub
from perdure.v1.value_pb2 import ValueType
from tests.service.serving import ANY, create

PATIENCE_SECONDS = 30


class World:
    """A server with the integrations that ask, and a stub for the service."""

    def __init__(self, stubs):
        self.executions = stubs.executions
        self.suspensions = SuspensionServiceStub(stubs.channel)
        self._stubs = stubs

    async def deploy(self, integrations):
        for name, text in integrations.items():
            await self._stubs.integrations.CreateIntegration(create(name, text))

    async def start(self, name):
        """Starts an execution; returns its name."""
        return (await self._stubs.execute(name)).execution

    async def asking(self, name):
        """Starts an execution, and waits until it asks; returns its name."""
        execution = await self.start(name)
        await self.told(execution, lambda change: change.state == Suspension.RESOLUTION_STATE_PENDING)
        return execution

    async def told(self, execution, holds):
        """Waits until a watch of an execution has told of a suspension that is as wanted; returns the change."""
        request = execution_service_pb2.WatchExecutionRequest(name=execution, from_beginning=True)
        call = self.executions.WatchExecution(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for response in call:
                for event in response.events.events:
                    if event.HasField("suspension_change") and holds(event.suspension_change):
                        call.cancel()
                        return event.suspension_change
        raise AssertionError(f"{execution} never told so")

    async def ended(self, execution):
        """Waits for the end of an execution; returns its state and its outputs as plain values."""
        request = execution_service_pb2.WaitExecutionRequest(name=execution, view=Execution.VIEW_FULL)
        request.timeout.seconds = PATIENCE_SECONDS
        shown = await self.executions.WaitExecution(request)
        outputs = {key: getattr(value, value.WhichOneof("value")) for key, value in shown.response_parameters.items()}
        return shown.execution_details.state, outputs

    async def list(self, parent=f"{ANY}/executions/-", **fields):
        """Lists suspensions; returns the ids of their executions."""
        request = suspension_service_pb2.ListSuspensionsRequest(parent=parent, **fields)
        return [each.execution for each in (await self.suspensions.ListSuspensions(request)).suspensions]

    def get(self, execution, number=1):
        return self.suspensions.GetSuspension(
            suspension_service_pb2.GetSuspensionRequest(name=f"{execution}/suspensions/{number}")
        )

    def lift(self, execution, number=1, **fields):
        name = f"{execution}/suspensions/{number}"
        return self.suspensions.LiftSuspension(suspension_service_pb2.LiftSuspensionRequest(name=name, **fields))

    def signal(self, execution, signal, signal_id="", **payload):
        values = {key: ValueType(int_value=value) for key, value in payload.items()}
        request = suspension_service_pb2.SignalExecutionRequest(
            name=execution, signal=signal, signal_id=signal_id, payload=values
        )
        return self.suspensions.SignalExecution(request)

    def resolve(self, execution, resolution, number=1, **fields):
        name = f"{execution}/suspensions/{number}"
        return self.suspensions.ResolveSuspension(
            suspension_service_pb2.ResolveSuspensionRequest(name=name, resolution=resolution, **fields)
        )
