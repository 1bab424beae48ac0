"""The pipeline that every call goes through, built from the descriptors of the services.

Requests arrive as bytes and are parsed here, so that bytes which are no message get `INVALID_ARGUMENT`
instead of the parser's text (F5), and no exception's text ever leaves the server (F4). A call costs one
coroutine: there is no chain of interceptors.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from perdure.domain.errors import InvalidRequest, PerdureError, Unavailable
from perdure.service.admission import Admission, MethodClass
from perdure.service.call import CALL_ID, LOCAL_PRINCIPAL, Call, next_call_id
from perdure.service.options import RESPONSE_MAX_BYTES
from perdure.service.required import check_of
from perdure.service.status import (
    STATUS_DETAILS_KEY,
    DeadlinePassed,
    NoSuchMethod,
    ServerFault,
    outcome_of,
)
from perdure.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

    Context = grpc.aio.ServicerContext[bytes, bytes]

_logger = logging.getLogger(__name__)

UNARY_DEADLINE_SECONDS: Final = 30.0
"""Longest time of a unary call whose caller sets no deadline; calls that wait for an execution have none."""


@dataclass(frozen=True, slots=True)
class Method:
    """What performs a method.

    Attributes:
        behaviour: For a unary method a coroutine function of request and `Call`; for a stream of answers an
            async generator function of the same; for streams both ways, of an iterator of requests and `Call`.
            Streams yield messages.
        writes: Whether it is a coroutine function instead that writes the answers of a stream to the call's
            context itself, as bytes: thousands of messages a second must not pass through generators.
    """

    behaviour: Callable[[Any, Call], Any]
    method_class: MethodClass = MethodClass.UNARY
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the contract with what performs each of its methods, by name."""

    descriptor: ServiceDescriptor
    methods: Mapping[str, Method]


class Pipeline(grpc.GenericRpcHandler):
    """Finds the handler of every method, that of unknown ones included."""

    def __init__(self, services: Iterable[Service], admission: Admission) -> None:
        self._handlers = {
            f"/{service.descriptor.full_name}/{method.name}": _handler(method, service.methods[method.name], admission)
            for service in services
            for method in service.descriptor.methods
        }
        self._unknown: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(_refuse_unknown)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Find the handler of a call."""
        return self._handlers.get(handler_call_details.method, self._unknown)


class _Stage:
    """What all kinds of handler do before and after the servicer."""

    def __init__(self, descriptor: MethodDescriptor, method: Method, admission: Admission) -> None:
        self.name = descriptor.full_name
        self.behaviour = method.behaviour
        self.places = admission.places(method.method_class)
        self.deadline = None if method.method_class is MethodClass.WAITING else UNARY_DEADLINE_SECONDS
        self._message_class = GetMessageClass(descriptor.input_type)
        self._check = check_of(descriptor.input_type)

    def parse(self, request: bytes) -> Message:
        """Turn bytes into a request with all its required fields."""
        try:
            message = self._message_class.FromString(request)
        except DecodeError:
            message_name = self._message_class.DESCRIPTOR.full_name
            raise InvalidRequest(f"the request is no {message_name}", reason="MALFORMED_REQUEST") from None
        self._check(message)
        return message

    def begin(self, context: Context) -> Call:
        """Take a place for a call."""
        self.places.enter(LOCAL_PRINCIPAL)
        call_id = next_call_id()
        CALL_ID.set(call_id)
        return Call(call_id, LOCAL_PRINCIPAL, context)

    def end(self, call: Call) -> None:
        """Give the place back."""
        self.places.leave(call.principal)

    async def fail(self, error: Exception, context: Context) -> NoReturn:
        """End a call with the status of an error."""
        outcome = outcome_of(_as_perdure_error(error, self.name))
        await context.abort(outcome.code, outcome.message, ((STATUS_DETAILS_KEY, outcome.details),))


def _as_perdure_error(error: Exception, method: str) -> PerdureError:
    if isinstance(error, PerdureError):
        return error
    if isinstance(error, StoreError):
        _logger.warning("%s: %s", method, error)
        return Unavailable("the store cannot answer now")
    error_id = CALL_ID.get() or next_call_id()
    _logger.error("%s failed; error id %s", method, error_id, exc_info=error)
    return ServerFault(error_id)


def _handler(descriptor: MethodDescriptor, method: Method, admission: Admission) -> grpc.RpcMethodHandler[bytes, bytes]:
    stage = _Stage(descriptor, method, admission)
    if not descriptor.server_streaming:
        return grpc.unary_unary_rpc_method_handler(_unary(stage))
    if method.writes:
        return grpc.unary_stream_rpc_method_handler(_written_stream(stage))
    if not descriptor.client_streaming:
        return grpc.unary_stream_rpc_method_handler(_answer_stream(stage))
    return grpc.stream_stream_rpc_method_handler(_two_way_stream(stage))


def _unary(stage: _Stage) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def handle(request: bytes, context: Context) -> bytes:
        try:
            call = stage.begin(context)
        except PerdureError as error:
            await stage.fail(error, context)
        try:
            message = stage.parse(request)
            if stage.deadline is None or call.remaining_seconds() is not None:
                response = await stage.behaviour(message, call)
            else:
                response = await _within(stage.deadline, stage.behaviour(message, call))
            answer: bytes = response.SerializeToString()
            if len(answer) > RESPONSE_MAX_BYTES:
                raise ValueError(f"an answer of {len(answer)} bytes is too large to send")  # noqa: TRY301
        except Exception as error:  # the status table is the one place where errors end
            await stage.fail(error, context)
        else:
            return answer
        finally:
            stage.end(call)

    return handle


async def _within(seconds: float, answer: Awaitable[Message]) -> Message:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise DeadlinePassed(f"the call took longer than {seconds:g} s") from None


def _written_stream(stage: _Stage) -> Callable[[bytes, Context], Awaitable[None]]:
    async def handle(request: bytes, context: Context) -> None:
        try:
            call = stage.begin(context)
        except PerdureError as error:
            await stage.fail(error, context)
        try:
            await stage.behaviour(stage.parse(request), call)
        except grpc.aio.BaseError:
            return  # There is no reader any more (F9).
        except Exception as error:
            await stage.fail(error, context)
        finally:
            stage.end(call)

    return handle


def _answer_stream(stage: _Stage) -> Callable[[bytes, Context], Awaitable[None]]:
    async def handle(request: bytes, context: Context) -> None:
        await _stream(stage, context, lambda call: stage.behaviour(stage.parse(request), call))

    return handle


def _two_way_stream(stage: _Stage) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
    async def handle(requests: AsyncIterator[bytes], context: Context) -> None:
        async def parsed() -> AsyncIterator[Message]:
            async for request in requests:
                yield stage.parse(request)

        await _stream(stage, context, lambda call: stage.behaviour(parsed(), call))

    return handle


async def _stream(stage: _Stage, context: Context, start: Callable[[Call], Any]) -> None:
    """Write what a servicer yields; only the reader's flow control slows it down (F8)."""
    try:
        call = stage.begin(context)
    except PerdureError as error:
        await stage.fail(error, context)
    try:
        async with aclosing(start(call)) as answers:
            async for answer in answers:
                if not await _write(context, answer.SerializeToString()):
                    return
    except Exception as error:
        await stage.fail(error, context)
    finally:
        stage.end(call)


async def _write(context: Context, answer: bytes) -> bool:
    """Write one answer; tells whether there still is a reader, whose end can come as an error, too (F9)."""
    try:
        await context.write(answer)
    except grpc.aio.BaseError:
        return False
    return True


async def _refuse_unknown(_requests: AsyncIterator[bytes], context: Context) -> None:
    outcome = outcome_of(NoSuchMethod("the server has no such method"))
    await context.abort(outcome.code, outcome.message, ((STATUS_DETAILS_KEY, outcome.details),))
