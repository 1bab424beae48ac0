"""The limits and time constants that the rules apply; shown by `GetServerInfo` and in `docs/limits.md`.

Lengths of time are int64 microseconds, as everywhere in the domain.
"""

from __future__ import annotations

from typing import Final

SECOND: Final = 1_000_000

VALUE_MAX_BYTES: Final = 1 << 20
PARAMETERS_MAX_BYTES: Final = 2 << 20
TASKS_MAX: Final = 2_000
EDGES_MAX: Final = 20_000
PARAMETERS_MAX: Final = 1_000
TRIGGERS_MAX: Final = 100
SEARCHABLE_MAX: Final = 16
FAN_OUT_MAX_ITEMS: Final = 10_000
FAN_OUT_MAX_PARALLELISM: Final = 1_000
FAN_OUT_DEFAULT_PARALLELISM: Final = 16
SUB_EXECUTION_MAX_DEPTH: Final = 16
LABELS_MAX: Final = 64
LABEL_MAX_CHARACTERS: Final = 63
PRIORITY_MAX: Final = 999
RETRIES_MAX: Final = 1_000
INTERVAL_MAX: Final = 31 * 24 * 3600 * SECOND
HISTORY_MAX_EVENTS: Final = 50_000
HISTORY_MAX_BYTES: Final = 50 << 20
TEXT_MAX_CHARACTERS: Final = 500
"""Longest message, description or cancel reason."""
ERROR_TEXT_MAX_CHARACTERS: Final = 8_192
CANCEL_GRACE: Final = 10 * SECOND
SUSPENSION_MAX: Final = 31 * 24 * 3600 * SECOND
"""Longest wait for a decision or a signal (semantics.md 1A.6)."""
RESOLVERS_MAX: Final = 100
SIGNALS_MAX: Final = 1_000
"""Signals that an execution keeps until a task takes them."""
SIGNALS_MAX_BYTES: Final = 4 << 20
"""Size of the payloads of all signals that an execution keeps."""
BREAKPOINTS_MAX: Final = 100
STOP_MAX: Final = 31 * 24 * 3600 * SECOND
TEARDOWN_TIMEOUT: Final = 60 * SECOND
"""Of a teardown task that has none of its own, so that every execution comes to its end."""
TEARDOWN_MAX: Final = 100
RETENTION_DEFAULT: Final = 30 * 24 * 3600 * SECOND
RETENTION_MIN: Final = 60 * SECOND
RETENTION_MAX_COUNT: Final = 10_000_000
LOST_LEASES_MAX: Final = 16
"""After so many lost leases in a row the loss counts as a failure: a task that kills its workers ends."""
