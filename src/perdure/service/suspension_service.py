"""`SuspensionService`: what executions wait for from outside, and how it is given to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.names import WILDCARD
from perdure.domain.commands import ResolveSuspension, SendSignal
from perdure.domain.errors import NotAllowed, NotFound
from perdure.service.call import LOCAL_PRINCIPAL
from perdure.service.fields import Faults, read_request_id, read_text, read_values
from perdure.service.paging import PAGE_MAX, check_page_size, fitting
from perdure.service.pipeline import Method, Service
from perdure.service.scopes import check_integration, scope_of
from perdure.service.suspension_view import show_suspension
from perdure.store.filter.fields import SUSPENSIONS
from perdure.store.filter.parse import parse_condition
from perdure.store.queries import Scope
from perdure.store.records import ExecutionKey
from perdure.store.suspensions import SuspensionKey, SuspensionPlace, SuspensionQuery, place_of
from perdure.v1 import suspension_service_pb2
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import ListSuspensionsResponse, SignalExecutionResponse

if TYPE_CHECKING:
    from perdure.codec.names import ExecutionName, SuspensionName
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.paging import Pager
    from perdure.store.filter.tree import Condition
    from perdure.v1.suspension_service_pb2 import (
        GetSuspensionRequest,
        LiftSuspensionRequest,
        ListSuspensionsRequest,
        ResolveSuspensionRequest,
        SignalExecutionRequest,
    )

_ALL_EXECUTIONS: Final = f"/executions/{WILDCARD}"
"""How a parent ends that stands for more than one execution."""

_DECISIONS: Final = {
    Suspension.RESOLUTION_STATE_LIFTED: True,
    Suspension.RESOLUTION_STATE_REJECTED: False,
}


class SuspensionServicer:
    """Lists, gets and decides suspensions, and takes signals."""

    def __init__(self, engine: Engine, names: NameReader, pager: Pager) -> None:
        self._suspensions = engine.suspensions
        self._store = engine.environment.store
        self._location = engine.environment.location
        self._names = names
        self._pager = pager

    def service(self) -> Service:
        """Put the service together."""
        return Service(
            suspension_service_pb2.DESCRIPTOR.services_by_name["SuspensionService"],
            {
                "ListSuspensions": Method(self.list_suspensions),
                "GetSuspension": Method(self.get_suspension),
                "LiftSuspension": Method(self.lift_suspension),
                "ResolveSuspension": Method(self.resolve_suspension),
                "SignalExecution": Method(self.signal_execution),
            },
        )

    async def list_suspensions(self, request: ListSuspensionsRequest, call: Call) -> ListSuspensionsResponse:
        """List suspensions, newest first."""
        scope, chosen = self._read_list(request)
        resolver = resolver_of(request.resolver, call)
        # Read before the list is: whatever is not in the list happened after that revision.
        store_revision = self._store.committed_revision()
        wanted = self._pager.read(request, most=PAGE_MAX, store_revision=store_revision)
        query = SuspensionQuery(
            scope.project,
            scope.integration,
            scope.execution,
            chosen,
            None if resolver == LOCAL_PRINCIPAL else resolver,
            _place(wanted.key),
            wanted.size,
        )
        if scope.execution is not None:
            await self._check_execution(self._names.execution(request.parent, "parent"))
        page = await self._suspensions.page(query)
        if not page.rows:
            await check_integration(scope, self._store)
        shown = [show_suspension(row, self._location) for row in page.rows]
        fit = fitting(shown)
        response = ListSuspensionsResponse(suspensions=shown[:fit], store_revision=wanted.store_revision)
        following = page.next if fit == len(shown) else place_of(page.rows[fit - 1])
        if following is not None:
            response.next_page_token = self._pager.token(wanted, *map(str, following))
        return response

    def _read_list(self, request: ListSuspensionsRequest) -> tuple[Scope, Condition | None]:
        """Read all of a request but its token, and refuse it with all of its faults."""
        faults = Faults()
        with faults.noted():
            scope = self._scope(request.parent)
        check_page_size(request.page_size, faults)
        with faults.noted():
            chosen = parse_condition(request.filter, SUSPENSIONS)
        read_text("resolver", request.resolver, faults)
        faults.refuse_if_any()
        return scope, chosen

    def _scope(self, parent: str) -> Scope:
        """Tell which executions a parent stands for: one, those of an integration, or all of the project."""
        if parent.endswith(_ALL_EXECUTIONS):
            above = parent.removesuffix(_ALL_EXECUTIONS)
            return scope_of(self._names.integration(above, "parent", wildcard=True))
        name = self._names.execution(parent, "parent")
        return Scope(name.project, execution=name.execution)

    async def get_suspension(self, request: GetSuspensionRequest, _: Call) -> Suspension:
        """Get one suspension as it was last committed."""
        name = self._names.suspension(request.name, "name")
        await self._check_execution(name)
        row = await self._suspensions.get(SuspensionKey(name.project, name.execution, name.number))
        return show_suspension(row, self._location)

    async def lift_suspension(self, request: LiftSuspensionRequest, call: Call) -> Suspension:
        """Say yes."""
        faults = Faults()
        with faults.noted():
            name = self._names.suspension(request.name, "name")
        result = self._read_decision(request, faults)
        faults.refuse_if_any()
        return await self._resolve(
            name, ResolveSuspension(name.number, True, resolver_of(request.resolver, call), result)
        )

    async def resolve_suspension(self, request: ResolveSuspensionRequest, call: Call) -> Suspension:
        """Say yes or no."""
        faults = Faults()
        with faults.noted():
            name = self._names.suspension(request.name, "name")
        lifted = _DECISIONS.get(request.resolution)
        if lifted is None:
            faults.add("resolution", "must be RESOLUTION_STATE_LIFTED or RESOLUTION_STATE_REJECTED")
        result = self._read_decision(request, faults)
        faults.refuse_if_any()
        resolver = resolver_of(request.resolver, call)
        return await self._resolve(name, ResolveSuspension(name.number, lifted is True, resolver, result))

    def _read_decision(self, request: LiftSuspensionRequest | ResolveSuspensionRequest, faults: Faults) -> str:
        """Read what both requests say of a decision; returns its result."""
        read_text("resolver", request.resolver, faults)
        return read_text("suspension_result", request.suspension_result, faults)

    async def _resolve(self, name: SuspensionName, command: ResolveSuspension) -> Suspension:
        await self._check_execution(name)
        key = SuspensionKey(name.project, name.execution, name.number)
        return show_suspension(await self._suspensions.resolve(key, command), self._location)

    async def signal_execution(self, request: SignalExecutionRequest, call: Call) -> SignalExecutionResponse:
        """Send a signal to an execution (row 61)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        signal = read_text("signal", request.signal, faults)
        signal_id = read_request_id("signal_id", request.signal_id, faults)
        payload = read_values("payload", request.payload, faults)
        faults.refuse_if_any()
        await self._check_execution(name)
        command = SendSignal(signal, payload, call.principal, signal_id)
        taken = await self._suspensions.signal(ExecutionKey(name.project, name.execution), command)
        return SignalExecutionResponse(
            task_number=taken.task_id,
            duplicate=taken.duplicate,
            store_revision=self._store.committed_revision(),
        )

    async def _check_execution(self, name: ExecutionName | SuspensionName) -> None:
        """Check that there is an execution of a name.

        Raises:
            NotFound: There is none.
        """
        row = await self._store.get_row(ExecutionKey(name.project, name.execution))
        if row is None or name.integration not in {WILDCARD, row.created.integration}:
            raise NotFound("execution", name.execution)


def resolver_of(named: str, call: Call) -> str:
    """Tell who decides, or for whom a list is.

    Args:
        named: The identity that the request names; empty for the caller.
        call: Only `local` may speak for others.

    Raises:
        NotAllowed: The caller names somebody else.
    """
    if named not in {"", call.principal} and call.principal != LOCAL_PRINCIPAL:
        raise NotAllowed(f"{call.principal} may not speak for {named}")
    return named or call.principal


def _place(key: tuple[str, ...]) -> SuspensionPlace | None:
    if not key:
        return None
    create_time, execution, number = key
    return SuspensionPlace(int(create_time), execution, int(number))
