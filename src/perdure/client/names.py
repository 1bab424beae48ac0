"""Short names: `order` for the integration `projects/default/locations/local/integrations/order`.

A text that begins with `projects/` is a full name and stays as it is; every other one is the id of what is
meant. Nothing is checked here: the server does it, with the field's path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from perdure.codec.names import WILDCARD, execution_name, integration_name, location_parent

FULL: Final = "projects/"
"""How a full name begins."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where short names are looked for.

    Attributes:
        project: Id of the project.
        location: Id of the location.
    """

    project: str = "default"
    location: str = "local"

    @property
    def parent(self) -> str:
        """The name of the location, under which the integrations are."""
        return location_parent(self.project, self.location)

    def integration(self, name: str) -> str:
        """Complete the name of an integration; `-` is any."""
        return name if _is_full(name, "an integration") else integration_name(self.project, self.location, name)

    def revision(self, integration: str, revision: str) -> str:
        """Complete the name of a revision of an integration."""
        return revision if revision.startswith(FULL) else f"{self.integration(integration)}/revisions/{revision}"

    def execution(self, name: str) -> str:
        """Complete the name of an execution, whose id is unique in the project."""
        return name if _is_full(name, "an execution") else execution_name(self.project, self.location, WILDCARD, name)

    def snapshot(self, execution: str, number: int) -> str:
        """Write the name of a snapshot of an execution."""
        return f"{self.execution(execution)}/snapshots/{number}"

    def suspension(self, execution: str, number: int) -> str:
        """Write the name of a suspension of an execution."""
        return f"{self.execution(execution)}/suspensions/{number}"


def _is_full(name: str, what: str) -> bool:
    """Tell a full name from an id.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of {what} is a text and not {type(name).__name__}")
    return name.startswith(FULL)


def last_part(name: str) -> str:
    """Take the id at the end of a name."""
    return name.rpartition("/")[2]
