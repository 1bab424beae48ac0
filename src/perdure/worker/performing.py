"""Performs one attempt: binds the arguments, calls user code, and makes a result of whatever comes of it."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import TYPE_CHECKING, Final, cast

from perdure.definition.errors import ConversionError
from perdure.domain.limits import PARAMETERS_MAX_BYTES
from perdure.v1.error_pb2 import Error
from perdure.v1.worker_service_pb2 import TaskResult
from perdure.worker.errors import TaskError
from perdure.worker.text import fit_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from perdure.v1.value_pb2 import ValueType
    from perdure.v1.worker_service_pb2 import Assignment
    from perdure.worker.context import TaskContext
    from perdure.worker.handler import Handler

_logger = logging.getLogger(__name__)

TRACE_MAX: Final = 8_192
"""Longest stack trace or error message that is sent, in characters; the innermost frames are kept."""

CODE_MAX: Final = 64
"""Longest code that is sent, in characters; one more than a code may have, so that the server sees that it is none."""


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
        return failure(assignment, error)


def perform_blocking(handler: Handler, assignment: Assignment, context: TaskContext) -> TaskResult:
    """Perform an attempt with a handler that blocks its thread."""
    try:
        return _succeeded(handler, assignment, _call(handler, assignment, context))
    except BaseException as error:  # likewise
        return failure(assignment, error)


def settle(assignment: Assignment, make: Callable[[], TaskResult]) -> TaskResult | None:
    """Make the result of an attempt, whatever goes wrong; every executor takes its results from here.

    An attempt that ended and of which nothing is said would keep its lease, and its execution, for ever.

    Returns:
        What is made; a failure if it cannot be made; None if not even that can be. The attempt is then to be
        given back.
    """
    try:
        return make()
    except BaseException as error:
        try:
            return failure(assignment, error)
        except BaseException:
            _logger.exception("an attempt is given back, since its end cannot be told")
            return None


def cancelled(assignment: Assignment) -> TaskResult:
    """Make the result of an attempt that stopped because it is not wanted any more."""
    return TaskResult(lease=assignment.lease, cancelled=TaskResult.Cancelled())


def failure(assignment: Assignment, error: BaseException) -> TaskResult:
    """Make the result of an attempt that ended with an error, of user code or on the way to it."""
    if isinstance(error, _InvalidInput):
        return _failed(assignment, "INVALID_INPUT", str(error), retryable=False)
    if isinstance(error, TaskError):
        return _failed(
            assignment,
            _told(lambda: error.code),
            _told(lambda: error.message) or _described(error),
            retryable=_may_retry(error),
            payload=_payload(error),
            stack_trace=_trace(error),
        )
    return _failed(assignment, "HANDLER_ERROR", _described(error), retryable=True, stack_trace=_trace(error))


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
        arguments = handler.bind(_given(handler, assignment))
    except ConversionError as error:
        raise _InvalidInput(str(error)) from None
    return handler.function(context, **arguments) if handler.takes_context else handler.function(**arguments)


def _given(handler: Handler, assignment: Assignment) -> Mapping[str, ValueType]:
    """Choose what the arguments are made of: all inputs; or, of a task that is to be undone, what they name.

    An undo rarely wants all of a task, so what no argument names is left out. An input goes before an output.
    """
    if not assignment.rollback:
        return assignment.inputs
    known = {**assignment.forward_outputs, **assignment.inputs}
    return {name: known[name] for name in handler.arguments if name in known}


def _succeeded(handler: Handler, assignment: Assignment, returned: object) -> TaskResult:
    try:
        outputs = handler.outputs(returned)
    except ConversionError as error:
        return _failed(assignment, "INVALID_OUTPUT", str(error), retryable=False)
    except Exception as error:  # a result that holds itself, or runs user code when it is read
        message = f"the result cannot be read: {_described(error)}"
        return _failed(assignment, "INVALID_OUTPUT", message, retryable=False, stack_trace=_trace(error))
    result = TaskResult(lease=assignment.lease, succeeded=TaskResult.Succeeded(outputs=outputs))
    size = result.ByteSize()
    if size > PARAMETERS_MAX_BYTES:
        # The server would refuse the message, and with it every result that is sent after this one.
        message = f"the outputs have {size} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        return _failed(assignment, "VALUE_TOO_LARGE", message, retryable=False)
    return result


def _failed(
    assignment: Assignment, code: str, message: str, *, retryable: bool, payload: str = "", stack_trace: str = ""
) -> TaskResult:
    error = Error(
        code=fit_text(code, CODE_MAX),
        message=fit_text(message, TRACE_MAX),
        payload=fit_text(payload, TRACE_MAX),
        context=f"task {assignment.task_number}, handler {assignment.handler}",
        stack_trace=fit_text(stack_trace, TRACE_MAX),
    )
    return TaskResult(lease=assignment.lease, failed=TaskResult.Failed(error=error, retryable=retryable))


def _payload(error: TaskError) -> str:
    try:
        if error.payload is None:
            return ""
        text = json.dumps(error.payload, ensure_ascii=False, allow_nan=False)
    except BaseException:
        # The failure matters more than its details.
        text = json.dumps(_told(lambda: repr(error.payload))[:TRACE_MAX])
    # A longer one is not kept; to cut it would leave no JSON.
    return text if len(text) <= TRACE_MAX else ""


def _may_retry(error: TaskError) -> bool:
    try:
        return bool(error.retryable)
    except BaseException:
        return type(error).retryable is not False


def _described(error: BaseException) -> str:
    return f"{_told(lambda: type(error).__name__)}: {_told(lambda: error)}"


def _trace(error: BaseException) -> str:
    return _told(lambda: "".join(traceback.format_exception(error)))[-TRACE_MAX:]


def _told(tell: Callable[[], object]) -> str:
    """Turn into text what user code says of its failure; it may raise instead, and anything."""
    try:
        return str.__str__(str(tell()))
    except BaseException as error:
        return f"(unknown: telling it raised {type(error).__qualname__})"
