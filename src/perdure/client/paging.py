"""Lists that are read page by page."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, Self, TypeVar

from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import ListExecutionsResponse, StorePoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from grpc.aio import UnaryUnaryMultiCallable

    from perdure.client.calls import Calls
    from perdure.v1.execution_service_pb2 import ListExecutionsRequest
_PAGE_SIZE_MAX: Final = 2**31 - 1
"""The greatest `int32`, which is what the contract has for it."""


def checked_page_size(size: int) -> int:
    """Return a page size that can be sent; the server judges what it means.

    Raises:
        ValueError: It is negative, or too great for the contract.
    """
    if not 0 <= size <= _PAGE_SIZE_MAX:
        raise ValueError(f"page_size is {size}; it has to be 0 to {_PAGE_SIZE_MAX}")
    return size


class PageRequest(Protocol):
    """A request of a List method.

    Attributes:
        page_token: Which page; empty for the first.
    """

    page_token: str


class PageResponse(Protocol):
    """An answer of a List method."""

    @property
    def next_page_token(self) -> str:
        """Gets the next page; empty on the last."""


_Item = TypeVar("_Item")
_Request = TypeVar("_Request", bound=PageRequest)
_Response = TypeVar("_Response", bound=PageResponse)


class Pages(Generic[_Item]):
    """The items of a list, used with `async for`, or page by page.

    A reader that is cancelled, or gets an error, can go on where it was.

    Args:
        calls: Makes the calls.
        method: The List method.
        request: What to list; its token is moved on.
        items_of: Takes the items out of an answer.
    """

    def __init__(
        self,
        calls: Calls,
        method: UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        items_of: Callable[[_Response], Iterable[_Item]],
    ) -> None:
        async def next_page() -> tuple[tuple[_Item, ...], bool]:
            response = await calls.call(method, request)
            request.page_token = response.next_page_token
            return tuple(items_of(response)), not response.next_page_token

        self._next_page = next_page
        self._items: deque[_Item] = deque()
        self._was_last = False

    async def page(self) -> tuple[_Item, ...] | None:
        """Take what is left of the page that was begun, else the next page; None behind the last.

        A page can be empty though others follow.

        Raises:
            CallFailed: The page could not be read.
        """
        if self._items:
            rest = tuple(self._items)
            self._items.clear()
            return rest
        if self._was_last:
            return None
        items, self._was_last = await self._next_page()
        return items

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _Item:
        while not self._items:
            page = await self.page()
            if page is None:
                raise StopAsyncIteration
            self._items.extend(page)
        return self._items.popleft()


class ExecutionPages(Pages[Execution]):
    """A list of executions, which knows how much of the history it shows."""

    def __init__(
        self,
        calls: Calls,
        method: UnaryUnaryMultiCallable[ListExecutionsRequest, ListExecutionsResponse],
        request: ListExecutionsRequest,
    ) -> None:
        super().__init__(calls, method, request, self._executions_of)
        self._point: StorePoint | None = None

    @property
    def point(self) -> StorePoint:
        """The point that the list shows; a watch that begins after it misses nothing that the list lacks.

        Raises:
            RuntimeError: No page was read yet.
        """
        if self._point is None:
            raise RuntimeError("the list has no point before its first page was read")
        return self._point

    def _executions_of(self, response: ListExecutionsResponse) -> Iterable[Execution]:
        self._point = StorePoint(store_revision=response.store_revision, store_id=response.store_id)
        return response.executions
