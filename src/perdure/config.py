"""Settings of the server: defaults, then a TOML file, then the environment, then flags; the last one wins.

This is the only module that reads the environment.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perdure.codec.lengths import read_length
from perdure.domain.limits import RETENTION_DEFAULT, RETENTION_MIN
from perdure.domain.validation import LENGTH_MAX, RESOURCE_ID, RESOURCE_ID_RULE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENVIRONMENT_PREFIX: Final = "PERDURE_"
CONFIG_VARIABLE: Final = "PERDURE_CONFIG"
"""Names the TOML file."""

FAILPOINTS_VARIABLE: Final = "PERDURE_FAILPOINTS"
"""Arms failpoints."""

OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, FAILPOINTS_VARIABLE, "PERDURE_SERVER", "PERDURE_PROJECT"})
"""Variables that are no settings of the server; the last two belong to the commands that call one."""

KEEP_FOR_EVER: Final = "off"
"""The retention that deletes nothing; `0` says the same."""

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
        max_watchers: How many watches may be open at once.
        max_watchers_per_principal: How many of them one principal may have.
        retention: How long executions are kept after their end, unless their integration says otherwise; None for
            ever.
    """

    data: Path = Path("perdure-data")
    listen: str = "127.0.0.1:50051"
    location: str = "local"
    apps: tuple[str, ...] = ()
    workers: str = "process"
    drain_seconds: float = 10.0
    max_watchers: int = 1_000
    max_watchers_per_principal: int = 100
    retention: timedelta | None = timedelta(microseconds=RETENTION_DEFAULT)

    def __post_init__(self) -> None:
        """Check what has a limited choice."""
        if not RESOURCE_ID.fullmatch(self.location):
            raise InvalidSettings(f"location: {self.location!r} is no id: {RESOURCE_ID_RULE}")
        if self.workers not in WORKER_MODES:
            raise InvalidSettings(f"workers: {self.workers!r} is none of {', '.join(WORKER_MODES)}")
        if not 0 <= self.drain_seconds <= 3600:
            raise InvalidSettings("drain_seconds: must be 0 to 3600")
        for name in ("max_watchers", "max_watchers_per_principal"):
            if getattr(self, name) < 0:
                raise InvalidSettings(f"{name}: must not be negative")
        shortest, longest = timedelta(microseconds=RETENTION_MIN), timedelta(microseconds=LENGTH_MAX)
        if self.retention is not None and not shortest <= self.retention <= longest:
            raise InvalidSettings(f"retention: must be 1m to {longest.days}d, or {KEEP_FOR_EVER} to keep all for ever")


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Put the settings together.

    Args:
        flags: Settings from the command line, by name; None stands for a flag that was not given, and so does
            an empty list. The extra name `config` is the path of the TOML file.
        environ: The environment; that of the process if left out.

    Raises:
        InvalidSettings: A source has an unknown setting or an unusable value.
    """
    if environ is None:
        environ = os.environ
    chosen = {key: value for key, value in flags.items() if value is not None and value not in ([], ())}
    file = chosen.pop("config", None) or environ.get(CONFIG_VARIABLE)
    sources = [
        *([(str(file), _read_file(Path(file)))] if file else []),
        ("environment", _read_environment(environ)),
        ("command line", chosen),
    ]
    settings: dict[str, Any] = {}
    for source, values in sources:
        settings.update({key: _read_setting(source, key, value) for key, value in values.items()})
    return Settings(**settings)


def failpoint_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Take what arms failpoints out of the environment, for `perdure.runtime.failpoints`."""
    chosen = os.environ if environ is None else environ
    return {key: value for key, value in chosen.items() if key == FAILPOINTS_VARIABLE}


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise InvalidSettings(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSettings(f"{path}: {error}") from error


def _read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(ENVIRONMENT_PREFIX) and not key.startswith(TEST_PREFIX) and key not in OTHER_VARIABLES
    }


def _read_setting(source: str, key: str, value: object) -> object:
    reader = _READERS.get(key)
    if reader is None:
        raise InvalidSettings(f"{source}: there is no setting {key!r}; known are {', '.join(_READERS)}")
    try:
        return reader(value)
    except (TypeError, ValueError):
        raise InvalidSettings(f"{source}: {key}: {value!r} cannot be used{_FORMS.get(key, '')}") from None


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _read_path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_read_text(value))


def _read_apps(value: object) -> tuple[str, ...]:
    """Read a list, or a text with commas."""
    apps = value.split(",") if isinstance(value, str) else value
    if not isinstance(apps, list | tuple):
        raise TypeError
    return tuple(text.strip() for text in map(_read_text, apps) if text.strip())


def _read_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return float(value)


def _read_count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return int(value)


def _read_retention(value: object) -> timedelta | None:
    text = _read_text(value)
    return None if text in {KEEP_FOR_EVER, "0"} else read_length(text)


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "data": _read_path,
    "listen": _read_text,
    "location": _read_text,
    "apps": _read_apps,
    "workers": _read_text,
    "drain_seconds": _read_seconds,
    "max_watchers": _read_count,
    "max_watchers_per_principal": _read_count,
    "retention": _read_retention,
}
"""Every setting with what reads it from a file, a variable or a flag."""

_FORMS: Final = {
    "retention": '; write "90m", "36h" or "30d", or "off" or "0" to keep all for ever',
}
"""How a setting is written, where that is not plain from what it is."""
