"""What shells need that click does not do: bash splits words at `=` and `:`, too, and replaces only what is behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from click.shell_completion import BashComplete, CompletionItem, split_arg_string

_SCRIPT: Final = """\
%(complete_func)s() {
    local response type value
    response=$(env COMPLETE_LINE="${COMP_LINE:0:COMP_POINT}" COMPLETE_WORD="${COMP_WORDS[COMP_CWORD]}" \\
        COMPLETE_BREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_BREAKS: Final = "=:"
"""Of the characters at which bash may end words, those that our words contain."""
_END: Final = "\x01"
"""Stands behind the word that is being typed, to tell it from blanks at the end of the line."""


@dataclass(frozen=True, slots=True)
class _Typed:
    """What bash says about the line.

    Attributes:
        line: What stands before the cursor.
        word: The word that bash replaces; it begins at a quote that is open.
        breaks: The characters at which bash ends words.
    """

    line: str
    word: str
    breaks: str

    def words(self) -> list[str]:
        """Split the line as the shell would before it calls the program; the last word is the one that is typed."""
        words = split_arg_string(self.line + _END)
        return [*words[1:-1], words[-1].removesuffix(_END)]

    def replaced(self, incomplete: str, value: str) -> str:
        """Leave out of a completion what bash keeps of the word."""
        if self.word[:1] in {'"', "'"}:
            return value
        ends = [incomplete.rfind(each) for each in _BREAKS if each in self.breaks]
        kept = incomplete[: max(ends, default=-1) + 1]
        # A value is completed without the option that stands before it in the same word.
        return value.removeprefix(kept if value.startswith(kept) else kept.partition("=")[2])


class Bash(BashComplete):
    """Completion for bash 4.4 or newer."""

    source_template = _SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        """Read the words before the cursor, and the one at it."""
        *arguments, incomplete = self._typed().words()
        return arguments, incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """Find what the word at the cursor can become, written as bash puts it in."""
        typed, items = self._typed(), super().get_completions(args, incomplete)
        return [CompletionItem(typed.replaced(incomplete, item.value), item.type, item.help) for item in items]

    def _typed(self) -> _Typed:
        names = ("COMPLETE_LINE", "COMPLETE_WORD", "COMPLETE_BREAKS")
        return _Typed(*(os.environ.get(name, "") for name in names))  # noqa: TID251 - the script's words, no setting
