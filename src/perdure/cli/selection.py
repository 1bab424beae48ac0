"""The options that choose executions, and the one filter that they make together."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.composing import ComposedFilter
from perdure.cli.instants import instant_operand, read_since
from perdure.store.filter.tree import Field

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_TOPMOST: Final = "(NOT parent:* OR orphan = true)"
SYNTAX: Final = """\b
Filters compare fields by = != < <= > >= and :, joined by AND, OR (which binds closer), NOT and ( ):
  state=FAILED AND (labels.shop=north OR labels.shop=south)
  create_time>2030-01-01 AND duration>2.5s
  trigger_id="api_trigger/orders*"     a text that begins so
  parameters.order_id=A1               a searchable parameter
  labels:shop AND NOT error.code:*     whether there is one"""
"""The language of filters in brief, for the end of help."""

_WITH_KEYS: Final = frozenset({Field.LABEL, Field.PARAMETER})
_FAMILY: Final = re.compile(r"\b(?:parent|root|orphan)\s*(?:[:=<>]|!=)")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which executions a command is about.

    Attributes:
        text: The filter that was given; blank is none.
        since: The earliest instant of acceptance; None is no limit.
        everything: True includes sub-executions.
    """

    text: str
    since: datetime | None
    everything: bool

    @property
    def includes_sub_executions(self) -> bool:
        """Whether sub-executions are asked for, which a filter does as well that speaks of parents or roots."""
        return self.everything or _FAMILY.search(self.text) is not None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the kind of execution is asked for."""
        return self.since is not None or bool(self.text.strip())

    def filter(self, *more: str, with_sub_executions: bool = False) -> ComposedFilter:
        """Write the filter for the server.

        Args:
            *more: Further conditions.
            with_sub_executions: True leaves none out whatever was asked for.
        """
        conditions = list(more)
        if not (with_sub_executions or self.includes_sub_executions):
            conditions.append(_TOPMOST)
        if self.since is not None:
            conditions.append(f'create_time >= "{instant_operand(self.since)}"')
        return ComposedFilter(" AND ".join(conditions), self.text if self.text.strip() else "")


def known_fields() -> str:
    """Name the fields of filters, for help."""
    return ", ".join(f"{field.value}.KEY" if field in _WITH_KEYS else field.value for field in Field)


def selection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options and hand them to the command as its argument `selection`."""

    @click.option(
        "--filter",
        "filter_text",
        default="",
        metavar="FILTER",
        help="Only those that match, such as 'state=FAILED AND labels.shop=north'.",
    )
    @click.option(
        "--since",
        callback=read_since,
        metavar="AGE|INSTANT|DATE",
        help="Only those accepted since then: 90s, 15m, 1h, 7d or 2w ago; an instant with its time zone; or a date, "
        "from its midnight in UTC on.",
    )
    @click.option(
        "--all",
        "everything",
        is_flag=True,
        help="Sub-executions too, such as the items of loops; implied by a filter on parent, root or orphan.",
    )
    @functools.wraps(function)
    def with_selection(filter_text: str, since: datetime | None, everything: bool, **options: object) -> None:
        function(selection=Selection(filter_text, since, everything), **options)

    return with_selection
