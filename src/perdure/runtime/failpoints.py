"""Named places in the code where a test can make a server die or fail.

A failpoint does nothing unless the environment variable `PERDURE_FAILPOINTS` arms it, as in
`store.before_commit=kill@3,store.before_begin=full`: the action, then on which hit it happens (the first
unless told). Each armed failpoint acts once. Only the composition root reads the environment, and hands it
to `arm_from_environment` after everything that registers failpoints has been imported.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT_VARIABLE: Final = "PERDURE_FAILPOINTS"


class InjectedFault(Exception):
    """What the action `error` raises; the code around the failpoint treats it as a failed operation."""


class Action(Enum):
    """What an armed failpoint does.

    Attributes:
        KILL: The process sends itself SIGKILL.
        ERROR: `InjectedFault` is raised.
        FULL: The `OSError` of a full disk is raised.
    """

    KILL = "kill"
    ERROR = "error"
    FULL = "full"


@dataclass(slots=True)
class _Armed:
    action: Action
    hits_left: int


_registered: Final[set[str]] = set()
_armed: Final[dict[str, _Armed]] = {}
_lock: Final = threading.Lock()


def register(name: str) -> str:
    """Make a failpoint known, at import of the module that contains it; returns the name."""
    _registered.add(name)
    return name


def registered() -> tuple[str, ...]:
    """List the failpoints of all modules imported so far, sorted."""
    return tuple(sorted(_registered))


def arm_from_environment(environ: Mapping[str, str]) -> None:
    """Arm the failpoints that the environment names; disarm all others.

    Raises:
        ValueError: The variable names an unknown failpoint or action, or a hit below 1.
    """
    entries = [entry.strip() for entry in environ.get(ENVIRONMENT_VARIABLE, "").split(",")]
    armed = dict(_parse(entry) for entry in entries if entry)
    with _lock:
        _armed.clear()
        _armed.update(armed)


def failpoint(name: str) -> None:
    """Mark a place where a test may interfere; costs one look at an empty table when nothing is armed.

    Raises:
        InjectedFault: Armed with `error`.
        OSError: Armed with `full`; its errno is ENOSPC.
    """
    if _armed:
        _hit(name)


def _parse(entry: str) -> tuple[str, _Armed]:
    name, _, what = entry.partition("=")
    action, _, hit = what.partition("@")
    if name not in _registered:
        raise ValueError(f"unknown failpoint {name!r}; known are {', '.join(registered())}")
    hits_left = int(hit or "1")
    if hits_left < 1:
        raise ValueError(f"failpoint {name!r}: hits are counted from 1")
    return name, _Armed(Action(action), hits_left)


def _hit(name: str) -> None:
    with _lock:
        armed = _armed.get(name)
        if armed is None:
            return
        armed.hits_left -= 1
        if armed.hits_left != 0:
            return
    match armed.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.ERROR:
            raise InjectedFault(name)
        case Action.FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
