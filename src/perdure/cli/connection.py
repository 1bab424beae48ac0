"""The options by which a command finds its server."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from perdure.client import Client
from perdure.client.client import WATCH_PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SERVER: Final = "127.0.0.1:50051"


@dataclass(frozen=True, slots=True)
class Connection:
    """Which server, and where short names are looked for.

    Attributes:
        server: `HOST:PORT`.
        project: Id of the project.
        location: Id of the location.
    """

    server: str
    project: str = "default"
    location: str = "local"

    def client(self, watch_patience: float = WATCH_PATIENCE_SECONDS) -> Client:
        """Make a client, to be used with `async with`.

        Args:
            watch_patience: Seconds that its watches look for a lost server.
        """
        return Client(
            self.server,
            project=self.project,
            location=self.location,
            # Someone sits in front of a command, so a server that is gone is reported sooner than to a program.
            deadline=5.0,
            patience=20.0,
            watch_patience=watch_patience,
        )


def connection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options and hand them to the command as its argument `connection`."""

    @click.option(
        "--server",
        default=DEFAULT_SERVER,
        show_default=True,
        envvar="PERDURE_SERVER",
        show_envvar=True,
        metavar="HOST:PORT",
        help="The server.",
    )
    @click.option(
        "--project",
        default="default",
        show_default=True,
        envvar="PERDURE_PROJECT",
        show_envvar=True,
        help="Project of short names.",
    )
    @click.option("--location", default="local", show_default=True, help="Location of short names.")
    @functools.wraps(function)
    def with_connection(server: str, project: str, location: str, **options: object) -> None:
        function(connection=Connection(server, project, location), **options)

    return with_connection
