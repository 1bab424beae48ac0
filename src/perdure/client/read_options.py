"""The options of reads and watches, by the names of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from perdure.client.paging import checked_page_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from perdure.client.errors import CallFailed
    from perdure.client.watched import WatchRequest
    from perdure.v1.execution_pb2 import Execution
    from perdure.v1.execution_service_pb2 import (
        CountExecutionsRequest,
        GetExecutionRequest,
        ListExecutionsRequest,
        StorePoint,
        WatchResponse,
    )

_STARTS: Final = ("cursor", "from_now", "from_beginning", "after")


class GetOptions(TypedDict, total=False):
    """How much a read of executions returns; each option may be left out.

    Attributes:
        view: BASIC or FULL.
        read_mask: The paths of the fields to return, in place of a view; none are no mask.
        without_params: True leaves the `params` of the snapshots out.
        min_store_revision: The answer shows this store revision or a later one, such as that of a result.
    """

    view: Execution.View.ValueType
    read_mask: Iterable[str]
    without_params: bool
    min_store_revision: int


class CountOptions(TypedDict, total=False):
    """Which executions are counted; each option may be left out.

    Attributes:
        filter: In the syntax of AIP-160, such as `state = FAILED AND labels.shop = "north"`.
        min_store_revision: As in `GetOptions`.
    """

    filter: str
    min_store_revision: int


class ListOptions(GetOptions, total=False):
    """Which executions are listed and how; each option may be left out.

    Attributes:
        filter: As in `CountOptions`.
        order_by: A field and `asc` or `desc`; `create_time desc` otherwise.
        page_size: How many to ask for at a time, at most; 0 leaves that to the server.
    """

    filter: str
    order_by: str
    page_size: int


class WatchOptions(TypedDict, total=False):
    """Where a watch begins and what it tells; each option may be left out. At most one start may be given.

    Attributes:
        cursor: Begin behind this position, the `cursor` of another watch of the same; None is no start.
        from_now: Begin with what happens after the watch was entered.
        from_beginning: Begin with the oldest event that is kept.
        after: Begin behind this point, such as that of a list.
        initial_state: True: first the current states, then `Synced`, then what happens.
        mode: Every event, or the latest state of what has changed, several changes as one.
        view: How much the states contain; events are always whole.
        read_mask: The paths of the fields that the states contain, in place of a view; none are no mask.
        include_sub_executions: Also what happens below the executions, orphans aside.
        until_terminal: Whether the watch ends by itself: one execution in its final state, many when none is left
            that matches and has not ended.
        progress_interval: How long the server may be silent, 1 to 60 s; None leaves that to the server.
        on_expired: An error (`CursorExpired`), or a `Reset`, when the start lies before what is kept.
        on_outage: Called with the failure when the server has not been there for a second, and with None when it is
            there again. It runs on the loop of the client and must not block.
    """

    cursor: str | None
    from_now: bool
    from_beginning: bool
    after: StorePoint
    initial_state: bool
    mode: WatchResponse.Mode.ValueType
    view: Execution.View.ValueType
    read_mask: Iterable[str]
    include_sub_executions: bool
    until_terminal: bool
    progress_interval: timedelta | None
    on_expired: WatchResponse.OnExpired.ValueType
    on_outage: Callable[[CallFailed | None], object]


class WatchAllOptions(WatchOptions, total=False):
    """What of many executions a watch tells; each option may be left out.

    Attributes:
        filter: As in `CountOptions`.
    """

    filter: str


def set_get_options(request: GetExecutionRequest | ListExecutionsRequest, options: GetOptions) -> None:
    """Write the options that are given into a request.

    Raises:
        TypeError: The read mask is a plain text.
    """
    if "view" in options:
        request.view = options["view"]
    _set_read_mask(request, options.get("read_mask", ()))
    request.snapshot_metadata_without_params = options.get("without_params", False)
    request.min_store_revision = options.get("min_store_revision", 0)


def set_list_options(request: ListExecutionsRequest, options: ListOptions) -> None:
    """Write the options that are given into a request.

    Raises:
        TypeError: The read mask is a plain text.
        ValueError: The contract has no such page size.
    """
    set_get_options(request, options)
    request.filter = options.get("filter", "")
    request.order_by = options.get("order_by", "")
    request.page_size = checked_page_size(options.get("page_size", 0))


def set_count_options(request: CountExecutionsRequest, options: CountOptions) -> None:
    """Write the options that are given into a request."""
    request.filter = options.get("filter", "")
    request.min_store_revision = options.get("min_store_revision", 0)


def set_watch_options(request: WatchRequest, options: WatchOptions) -> None:
    """Write the options that are given into a request.

    Raises:
        TypeError: The read mask is a plain text.
        ValueError: There are several starts, or the cursor is empty.
    """
    _set_start(request, options)
    request.initial_state = options.get("initial_state", False)
    if "mode" in options:
        request.mode = options["mode"]
    if "view" in options:
        request.view = options["view"]
    _set_read_mask(request, options.get("read_mask", ()))
    request.include_sub_executions = options.get("include_sub_executions", False)
    if "until_terminal" in options:
        request.until_terminal = options["until_terminal"]
    interval = options.get("progress_interval")
    if interval is not None:
        request.progress_interval.FromTimedelta(interval)
    if "on_expired" in options:
        request.on_expired = options["on_expired"]


def _set_read_mask(request: GetExecutionRequest | ListExecutionsRequest | WatchRequest, mask: Iterable[str]) -> None:
    if isinstance(mask, str):
        # Iterated over, it would be a mask of its letters.
        raise TypeError(f"read_mask is a list of paths and not one text: give [{mask!r}]")
    paths = list(mask)
    if paths:
        request.read_mask.paths.extend(paths)


def _set_start(request: WatchRequest, options: WatchOptions) -> None:
    cursor = options.get("cursor")
    if cursor == "":
        raise ValueError("the cursor is empty: a watch has one from its first message on; None is no start")
    starts = [start for start in _STARTS if options.get(start)]
    if len(starts) > 1:
        raise ValueError(f"a watch begins at one point and not at {' and '.join(starts)}")
    if "after" in options:
        request.after_store_revision.CopyFrom(options["after"])
    elif cursor is not None:
        request.cursor = cursor
    elif options.get("from_now"):
        request.from_now = True
    elif options.get("from_beginning"):
        request.from_beginning = True
