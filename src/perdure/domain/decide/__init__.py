"""`decide`: every rule. From a state and a command to the events that follow, which are applied as they come.

Rules of this package:

1. Pure and synchronous: no clock, chance or I/O but what comes in the command's `Context`.
2. Stale is not illegal: a report about an attempt that is no longer the current one changes nothing,
   because workers report late and twice.
3. Illegal is a caller's bug: `IllegalCommand` is raised before anything is emitted.
4. The failure of a task is an event, never an exception.
"""

from perdure.domain.decide.commands import create, decide
from perdure.domain.decide.pending import pending_effects

__all__ = ["create", "decide", "pending_effects"]
