"""`perdure reject`: decides a suspension with no."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.deciding import Decision, decide, decision_options
from perdure.cli.running import run

if TYPE_CHECKING:
    from typing import Unpack


@click.command(
    "reject",
    epilog="""\b
Examples:
  perdure reject order-A1
  perdure reject order-A1 2 --result "too dear"
  perdure reject order-A1 2 --as bob

`perdure suspensions` lists what is open.""",
)
@decision_options
def command(**arguments: Unpack[Decision]) -> None:
    """Decide a suspension with no, and so let its execution go on.

    Without its number it is the only open one of the execution. The task succeeds either way; conditions of edges
    may look at the decision. Deciding the same again changes nothing.
    """
    run(decide(arguments, lifts=False), arguments["connection"].server)
