"""The entry point: knows the names of the commands and imports one when it is used.

`perdure --help` must answer at once, so nothing here imports gRPC.
"""

from __future__ import annotations

import importlib
import os
from typing import Final

import click
from click.shell_completion import CompletionItem, add_completion_class

from perdure.cli.exit_codes import MEANINGS
from perdure.cli.shells import Bash

# What gRPC's core has to say about connections means nothing to who uses a command; set before it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # noqa: TID251 - says something to a library, reads no setting

add_completion_class(Bash)

COMMANDS: Final = {
    "serve": "Serve executions from a data directory.",
    "worker": "Perform the tasks of an app for a server.",
    "run": "Run an integration of an app with everything it needs.",
    "deploy": "Put integrations on a server.",
    "execute": "Execute an integration that is on a server.",
    "replay": "Start an execution anew, in full or from where it failed.",
    "get": "Show an execution.",
    "list": "List executions, newest first.",
    "count": "Count executions.",
    "watch": "Follow one execution or many as it happens.",
    "explain": "Say what an execution waits for.",
    "events": "Show the history of an execution.",
    "steps": "Show each attempt of each task of an execution.",
    "snapshots": "Show the snapshots of an execution.",
    "compare": "Show what changed between two snapshots.",
    "render": "Draw an integration, or how far an execution has come in it.",
    "export": "Write everything about an execution to a file.",
    "cancel": "Cancel an execution.",
    "pause": "Pause an execution.",
    "resume": "Let a paused execution go on.",
    "break": "Set, clear or list the breakpoints of an execution.",
    "step": "Let an execution that stopped at a breakpoint do its next step.",
    "update": "Change fields of an execution that has not ended.",
    "suspensions": "List what waits for a decision or a signal.",
    "lift": "Decide a suspension with yes.",
    "reject": "Decide a suspension with no.",
    "signal": "Send a signal to an execution.",
    "undo": "Decide about a task that could not be undone.",
    "delete": "Delete executions that have ended.",
    "version": "Show the versions of this program and of the server.",
    "completion": "Print the completion script of a shell.",
}
"""Each command with the first line of its help."""

_MODULES: Final = {"break": "breakpoints"}
"""The modules of commands whose names are keywords of Python."""

EPILOG: Final = f"""\b
Examples:
  perdure run shop.orders:fulfil order_id=A1 sku=X count=2
  perdure serve --data ./data --app shop.orders:app
  perdure execute fulfil order_id=A1 sku=X -o json
  perdure list --filter 'state=FAILED' --since 1h
  perdure watch --integration fulfil
  perdure explain order-A1

{MEANINGS}"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = _MODULES.get(cmd_name, cmd_name)
        command: click.Command = importlib.import_module(f"perdure.cli.commands.{module}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete the commands without importing them, and the options of the program itself."""
        commands = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Perdure runs integrations durably: once accepted, an execution survives crashes and comes to its end.

    Names may be short: `fulfil` stands for projects/default/locations/local/integrations/fulfil, and the id of an
    execution for its full name.
    """
