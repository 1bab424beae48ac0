"""`apply`: fold one event into the state. The only place where an `Execution` changes.

Rules of this package:

1. No decisions: `apply` is correct for every event that was ever stored, whatever the rules are today, so
   that a later fix of a rule never changes the past.
2. No clock, no expression, no failure: an event that cannot be applied is damage, not input.
"""

from perdure.domain.apply.fold import apply, first_state

__all__ = ["apply", "first_state"]
