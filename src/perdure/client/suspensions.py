"""What executions wait for from outside, as the client shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from perdure.client.paging import Pages, checked_page_size
from perdure.codec.names import WILDCARD
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import (
    GetSuspensionRequest,
    LiftSuspensionRequest,
    ListSuspensionsRequest,
    ResolveSuspensionRequest,
)

if TYPE_CHECKING:
    from typing import Unpack

    from perdure.client.calls import Calls
    from perdure.client.connection import Connection
    from perdure.client.names import Scope


class SuspensionListOptions(TypedDict, total=False):
    """Which suspensions are listed; each option may be left out.

    Attributes:
        integration: The name of an integration, where the execution is any.
        filter: In the syntax of AIP-160, such as `state = PENDING AND kind = APPROVAL`.
        resolver: Only those that this identity may decide; the caller otherwise.
        page_size: How many to ask for at a time, at most; 0 leaves that to the server.
    """

    integration: str
    filter: str
    resolver: str
    page_size: int


class Suspensions:
    """Lists suspensions and decides them; `Client.signal` ends those that wait for a signal.

    A suspension is named by its execution and its number, counted from 1. Deciding the same again changes nothing.
    Every method raises `CallFailed`.

    Args:
        connection: Carries the calls.
        calls: Makes them.
        scope: Completes short names.
    """

    def __init__(self, connection: Connection, calls: Calls, scope: Scope) -> None:
        self._connection = connection
        self._calls = calls
        self._scope = scope

    def list(self, execution: str = "-", **options: Unpack[SuspensionListOptions]) -> Pages[Suspension]:
        """List the suspensions of one execution, or of all, newest first.

        Args:
            execution: The name of an execution; `-` is any.
            **options: See `SuspensionListOptions`.

        Raises:
            ValueError: The contract has no such page size.
        """
        integration = self._scope.integration(options.get("integration", WILDCARD))
        request = ListSuspensionsRequest(
            parent=f"{integration}/executions/-" if execution == WILDCARD else self._scope.execution(execution),
            filter=options.get("filter", ""),
            resolver=options.get("resolver", ""),
            page_size=checked_page_size(options.get("page_size", 0)),
        )
        return Pages(self._calls, self._connection.suspensions.ListSuspensions, request, lambda page: page.suspensions)

    async def get(self, execution: str, number: int) -> Suspension:
        """Get one suspension."""
        request = GetSuspensionRequest(name=self._scope.suspension(execution, number))
        return await self._calls.call(self._connection.suspensions.GetSuspension, request)

    async def lift(self, execution: str, number: int, result: str = "", *, resolver: str = "") -> Suspension:
        """Lift a suspension, which is a yes.

        Args:
            execution: The name of its execution.
            number: Its number.
            result: A text that becomes an output of the task.
            resolver: The identity that decides; the caller if it is empty.

        Raises:
            FailedPrecondition: It is decided otherwise, or cannot be decided because it waits for a signal.
            PermissionDenied: The identity may not decide it.
        """
        name = self._scope.suspension(execution, number)
        request = LiftSuspensionRequest(name=name, suspension_result=result, resolver=resolver)
        return await self._calls.call(self._connection.suspensions.LiftSuspension, request)

    async def reject(self, execution: str, number: int, result: str = "", *, resolver: str = "") -> Suspension:
        """Reject a suspension, which is a no. Arguments and errors are those of `lift`."""
        request = ResolveSuspensionRequest(
            name=self._scope.suspension(execution, number),
            resolution=Suspension.RESOLUTION_STATE_REJECTED,
            suspension_result=result,
            resolver=resolver,
        )
        return await self._calls.call(self._connection.suspensions.ResolveSuspension, request)
