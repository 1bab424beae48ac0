"""Settings of the server: defaults, then a TOML file, then the environment, then flags; the last one wins.

This is the only module that reads the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENVIRONMENT_PREFIX: Final = "PERDURE_"
CONFIG_VARIABLE: Final = "PERDURE_CONFIG"
"""Names the TOML file."""

FAILPOINTS_VARIABLE: Final = "PERDURE_FAILPOINTS"
"""Arms failpoints."""

OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, FAILPOINTS_VARIABLE, "PERDURE_SERVER", "PERDURE_PROJECT"})
"""Variables that are no settings of the server; the last two belong to the commands that call one."""

TEST_PREFIX: Final = "PERDURE_TESTS_"

WORKER_MODES: Final = ("process", "in-process", "none")


class InvalidSettings(ValueError):
    """A setting that is unknown or has no usable value; the message says which and where it came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server runs.

    Attributes:
        data: Directory of the store; created if it is missing.
        listen: Where callers connect, `HOST:PORT` on loopback; port 0 picks a free one.
        location: The one location that is served.
        apps: Each `MODULE:NAME`; their handlers are performed by the server's own workers.
        workers: `process` performs them in a child process each, `in-process` in the server, `none` not at all.
        drain_seconds: How long calls under way may take at the end.
    """

    data: Path = Path("perdure-data")
    listen: str = "127.0.0.1:50051"
    location: str = "local"
    apps: tuple[str, ...] = ()
    workers: str = "process"
    drain_seconds: float = 10.0

    def __post_init__(self) -> None:
        """Check what has a limited choice."""
        if self.workers not in WORKER_MODES:
            raise InvalidSettings(f"workers: {self.workers!r} is none of {', '.join(WORKER_MODES)}")
        if self.drain_seconds < 0:
            raise InvalidSettings("drain_seconds: must not be negative")


def _read_apps(value: object) -> tuple[str, ...]:
    """Read a list, or a text with commas."""
    apps = value.split(",") if isinstance(value, str) else value
    if not isinstance(apps, list | tuple) or not all(isinstance(app, str) for app in apps):
        raise ValueError
    return tuple(app.strip() for app in apps if app.strip())


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - which setting it is, and whether a type or a value, is said elsewhere
    return value


def _read_path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_read_text(value))


def _read_seconds(value: object) -> float:
    try:
        return reader(value)
    except ValueError:
        raise InvalidSettings(f"{source}: {key}: {value!r} cannot be used") from None
