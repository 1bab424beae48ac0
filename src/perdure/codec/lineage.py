"""Where an execution stands in its tree: the names of its parent and its root, the tasks above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.codec.names import execution_name

if TYPE_CHECKING:
    from perdure.domain.events import ExecutionCreated


class Ancestor(NamedTuple):
    """A task of an execution above, inside of which an execution runs.

    Attributes:
        iteration_number: Position of the item of a `for-each`, from 0, as text; empty for a sub-integration.
    """

    task_number: str
    iteration_number: str


def parent_name(created: ExecutionCreated, project: str, location: str) -> str:
    """Write the name of the parent execution; empty if a caller started it."""
    if not created.parent:
        return ""
    return execution_name(project, location, created.parent_integration, created.parent)


def root_name(created: ExecutionCreated, project: str, location: str) -> str:
    """Write the name of the topmost execution of the tree, which may be the execution itself."""
    return execution_name(project, location, created.root_integration or created.integration, created.root)
