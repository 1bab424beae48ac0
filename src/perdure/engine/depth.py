"""How deep sub-executions may nest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.errors import InvalidRequest
from perdure.domain.limits import SUB_EXECUTION_MAX_DEPTH

if TYPE_CHECKING:
    from perdure.domain.execution import Execution


def check_depth(parent: Execution) -> None:
    """Refuse a sub-execution below the deepest level; a loop of integrations ends here.

    Raises:
        InvalidRequest: The parent is at the deepest level already.
    """
    if parent.created.depth + 1 >= SUB_EXECUTION_MAX_DEPTH:
        message = f"sub-executions may nest {SUB_EXECUTION_MAX_DEPTH} deep"
        raise InvalidRequest(message, reason="SUB_EXECUTION_DEPTH")
