"""`perdure completion`: prints what makes a shell complete the command line."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

SHELLS: Final = ("bash", "zsh", "fish")
_PROGRAM: Final = "perdure"
_VARIABLE: Final = "_PERDURE_COMPLETE"


@click.command(
    "completion",
    epilog="""\b
Examples:
  eval "$(perdure completion bash)"      in ~/.bashrc, bash 4.4 or newer
  eval "$(perdure completion zsh)"       in ~/.zshrc, below compinit
  perdure completion fish > ~/.config/fish/completions/perdure.fish""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and their values.

    It also completes the names of integrations and of recent executions, if the server answers within a second.
    Settings such as PERDURE_SERVER say which server that is.
    """
    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
