"""Ids of tasks and error catchers: chosen by the author, or made from a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from perdure.definition.errors import TracingError
from perdure.domain.validation import TASK_ID, TASK_ID_RULE

if TYPE_CHECKING:
    from collections.abc import Container

_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]")


def choose_id(name: str, chosen: str, taken: Container[str]) -> str:
    """Make an id that is free.

    Args:
        name: What it is made from if the author has chosen none.
        chosen: The author's choice, or empty.
        taken: The ids that are given already.

    Raises:
        TracingError: The author's choice is taken, or cannot be an id.
    """
    if chosen:
        if not TASK_ID.fullmatch(chosen):
            raise TracingError(f"{chosen!r} cannot be the id of a task or on_failure block: {TASK_ID_RULE}")
        if chosen in taken:
            raise TracingError(f"the id {chosen} is taken")
        return chosen
    base = _NOT_IN_ID.sub("_", name)[:58]
    base = base if TASK_ID.fullmatch(base) else f"_{base}"
    number, free = 1, base
    while free in taken:
        number += 1
        free = f"{base}_{number}"
    return free
