"""The time constants of the worker protocol, and how much one worker may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SESSIONS_MAX: Final = 1_000
"""Sessions that one server keeps at a time."""

HANDLERS_MAX: Final = 1_000
"""Handlers that one session offers."""

LEASES_MAX: Final = 10_000
"""Leases that one worker holds, together with the credits that it has left."""


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """How the dispatcher treats its workers; lengths of time in seconds.

    Attributes:
        location: The location that workers have to name.
        lease_ttl: How long leases last after the last message of their worker.
        acknowledge_within: How soon an assignment has to be acknowledged.
        ping_interval: How often a worker is asked whether it lives; silent for two intervals, it gets no more.
        reconnect_spread: Over how long the workers of a server that goes away come back.
        report_again_after: How long to wait before a report that the store refused is made again.
    """

    location: str = "local"
    lease_ttl: float = 30.0
    acknowledge_within: float = 5.0
    ping_interval: float = 10.0
    reconnect_spread: float = 2.0
    report_again_after: float = 1.0
