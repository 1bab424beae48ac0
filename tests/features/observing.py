"""What the tests of features ask about executions, all of it through the client."""

import asyncio
from collections.abc import Callable
from typing import Final

from perdure.client import Client
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from tests.service.serving import definition

PATIENCE_SECONDS: Final = 5
"""How long something may take that comes by itself."""

SOON_SECONDS: Final = 2
"""The same for what would not come at all without the rule, so that its test fails quickly then."""


async def deploy(client: Client, name: str, text: str) -> None:
    """Deploy an integration that is written in the text form of the contract."""
    message = definition(text)
    message.name = name
    await client.deploy(message)


async def ended(client: Client, execution: str) -> Execution:
    """Wait for the end of an execution and return it whole."""
    shown = await client.wait(execution, timeout=PATIENCE_SECONDS, view=Execution.VIEW_FULL)
    assert state(shown) in {"SUCCEEDED", "FAILED", "CANCELLED"}
    return shown


def state(execution: Execution) -> str:
    """Name the state of an execution."""
    return ExecutionDetails.State.Name(execution.execution_details.state)


async def task_changes(client: Client, execution: str, task: str = "") -> list[ExecutionEvent.TaskChange]:
    """List the changes of tasks in an execution so far, or those of one task."""
    events = [event async for event in client.events(execution) if event.HasField("task_change")]
    return [event.task_change for event in events if task in ("", event.task_change.task_number)]


async def task_states(client: Client, execution: str) -> dict[str, str]:
    """Name the state that each task has now; those that have not begun are absent."""
    changes = await task_changes(client, execution)
    return {change.task_number: _name(change) for change in changes}


async def until(client: Client, execution: str, task: str, wanted: str) -> ExecutionEvent:
    """Wait until a task is in a state."""
    return await until_event(
        client,
        execution,
        lambda event: event.task_change.task_number == task and _name(event.task_change) == wanted,
    )


async def until_asked(client: Client, execution: str) -> int:
    """Wait until an execution waits for a decision or a signal; returns the number of its first suspension."""
    event = await until_event(client, execution, lambda event: event.HasField("suspension_change"))
    return event.suspension_change.suspension_number


async def until_event(client: Client, execution: str, holds: Callable[[ExecutionEvent], bool]) -> ExecutionEvent:
    """Wait for the first event of an execution that is as wanted."""
    async with asyncio.timeout(PATIENCE_SECONDS), client.watch(execution) as watch:
        async for event in watch:
            if holds(event):
                return event
    raise AssertionError(f"execution {execution} ended without that event")


def _name(change: ExecutionEvent.TaskChange) -> str:
    return TaskExecutionDetails.TaskExecutionState.Name(change.state)
