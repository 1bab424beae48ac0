"""The order of a list, as the command line names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable

_FIELDS: Final = ("create_time", "start_time", "update_time", "end_time", "duration", "priority", "execution_id")
"""What `ListExecutionsRequest.order_by` names."""
_DIRECTIONS: Final = ("asc", "desc")


def sort_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--sort` and hand it to the command as its argument `order`, written as the `order_by` of a request."""
    option = click.option(
        "--sort",
        "order",
        callback=_read_order,
        shell_complete=_complete_order,
        default="",
        metavar="FIELD[:desc]",
        help=f"{', '.join(_FIELDS)}. Anything but create_time needs a filter that narrows the list.",
    )
    return option(function)


def _read_order(context: click.Context, parameter: click.Parameter, text: str) -> str:
    field, colon, direction = text.partition(":")
    if text and (field not in _FIELDS or (colon and direction not in _DIRECTIONS)):
        message = f"{text!r} is no order; name one of {', '.join(_FIELDS)}, then :asc or :desc"
        raise click.BadParameter(message, context, parameter)
    return f"{field} {direction}".rstrip()


def _complete_order(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    orders = [order for field in _FIELDS for order in (field, f"{field}:desc")]
    return [CompletionItem(order) for order in orders if order.startswith(incomplete)]
