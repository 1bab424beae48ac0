"""What the exit code of a command tells."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    OK = 0
    """Done; an execution that was waited for succeeded."""
    EXECUTION_FAILED = 1
    """The execution failed."""
    INVALID = 2
    """The command line, an input or a definition is wrong."""
    REFUSED = 3
    """What is named does not exist, exists already, or is not in a state that allows it."""
    EXECUTION_CANCELLED = 4
    """The execution was cancelled."""
    UNREACHABLE = 5
    """The server cannot be reached or is full, or the time is over; trying again can help."""
    FAULT = 70
    """The server or this program failed."""
    INTERRUPTED = 130
    """Ctrl-C."""


MEANINGS = """\b
Exit codes:
  0    done; an execution that was waited for succeeded
  1    the execution failed
  2    the command line, an input or a definition is wrong
  3    not found, exists already, or not in a state that allows it
  4    the execution was cancelled
  5    the server is out of reach or full, or the time is over
  70   a fault of the server or of this program
  130  interrupted"""
"""The same for people, as `perdure --help` shows it."""
