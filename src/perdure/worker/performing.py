"""Performs one attempt: binds the arguments, calls user code, and makes a result of whatever comes of it."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import TYPE_CHECKING, Final, cast

from perdure.definition.errors import ConversionError
from perdure.domain.limits import PARAMETERS_MAX_BYTES
from perdure.v1.error_pb2 import Error
from perdure.v1.worker_service_pb2 import TaskResult
from perdure.worker.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from perdure.v1.worker_service_pb2 import Assignment
    from perdure.worker.context import TaskContext
    from perdure.worker.handler import Handler

TRACE_MAX: Final = 8_192
"""Longest stack trace or error message that is sent, in characters; the innermost frames are kept."""


async def perform(handler: Handler, assignment: Assignment, context: TaskContext) -> TaskResult:
    """Perform an attempt with an async handler.

    Returns:
        The result without its number. A cancelled task yields the outcome `cancelled`.
    """
    try:
        returned = await cast("Awaitable[object]", _call(handler, assignment, context))
        return _succeeded(handler, assignment, returned)
    except asyncio.CancelledError:
        if not context.cancelled:
            return _failed(assignment, "HANDLER_ERROR", "the handler cancelled itself", retryable=True)
        return cancelled(assignment)
    except BaseException as error:  # user code may raise anything; the worker outlives it
        return _failure(assignment, error)


def perform_blocking(handler: Handler, assignment: Assignment, context: TaskContext) -> TaskResult:
    """Perform an attempt with a handler that blocks its thread."""
    try:
        return _succeeded(handler, assignment, _call(handler, assignment, context))
    except BaseException as error:  # likewise
        return _failure(assignment, error)


def cancelled(assignment: Assignment) -> TaskResult:
    """Make the result of an attempt that stopped because it is not wanted any more."""
    return TaskResult(lease=assignment.lease, cancelled=TaskResult.Cancelled())


def no_such_handler(assignment: Assignment) -> TaskResult:
    """Make the result of an attempt for which there is no handler here."""
    return _failed(assignment, "NO_SUCH_HANDLER", f"this worker has no handler {assignment.handler}", retryable=False)


def process_died(assignment: Assignment) -> TaskResult:
    """Make the result of an attempt whose process ended under it."""
    return _failed(assignment, "HANDLER_ERROR", "the process that performed the attempt died", retryable=True)


class _InvalidInput(Exception):
    """The inputs do not fit the arguments; no other attempt can help."""


def _call(handler: Handler, assignment: Assignment, context: TaskContext) -> object:
    try:
        arguments = handler.bind(assignment.inputs)
    except ConversionError as error:
        raise _InvalidInput(str(error)) from None
    return handler.function(context, **arguments) if handler.takes_context else handler.function(**arguments)


def _succeeded(handler: Handler, assignment: Assignment, returned: object) -> TaskResult:
    try:
        outputs = handler.outputs(returned)
    except ConversionError as error:
        return _failed(assignment, "INVALID_OUTPUT", str(error), retryable=False)
    result = TaskResult(lease=assignment.lease, succeeded=TaskResult.Succeeded(outputs=outputs))
    size = result.ByteSize()
    if size > PARAMETERS_MAX_BYTES:
        # The server would refuse the message, and with it every result that is sent after this one.
        message = f"the outputs have {size} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        return _failed(assignment, "VALUE_TOO_LARGE", message, retryable=False)
    return result


def _failure(assignment: Assignment, error: BaseException) -> TaskResult:
    if isinstance(error, _InvalidInput):
        return _failed(assignment, "INVALID_INPUT", str(error), retryable=False)
    trace = "".join(traceback.format_exception(error))[-TRACE_MAX:]
    if isinstance(error, TaskError):
        return _failed(
            assignment,
            error.code,
            error.message,
            retryable=error.retryable,
            payload=_payload(error.payload),
            stack_trace=trace,
        )
    message = f"{type(error).__name__}: {error}"
    return _failed(assignment, "HANDLER_ERROR", message, retryable=True, stack_trace=trace)


def _payload(payload: object) -> str:
    if payload is None:
        return ""
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        # The failure matters more than its details.
        text = json.dumps(repr(payload)[:TRACE_MAX])
    # A longer one is not kept; to cut it would leave no JSON.
    return text if len(text) <= TRACE_MAX else ""


def _failed(
    assignment: Assignment, code: str, message: str, *, retryable: bool, payload: str = "", stack_trace: str = ""
) -> TaskResult:
    error = Error(
        code=code,
        message=_sendable(message[:TRACE_MAX]),
        payload=_sendable(payload),
        context=f"task {assignment.task_number}, handler {assignment.handler}",
        stack_trace=_sendable(stack_trace),
    )
    return TaskResult(lease=assignment.lease, failed=TaskResult.Failed(error=error, retryable=retryable))


def _sendable(text: str) -> str:
    """Replace what UTF-8 cannot hold: file names with undecodable bytes turn up in messages of exceptions."""
    return text.encode("utf-8", "replace").decode("utf-8")
