"""The filter of a request: what the options of a command add, and what was given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComposedFilter:
    """A filter that ends in the one that was given, so that a fault at its end is one at the end of that.

    Attributes:
        added: What the options stand for; empty if for nothing.
        given: The filter that was given; empty if there is none.
    """

    added: str = ""
    given: str = ""

    @property
    def text(self) -> str:
        """The filter as the server gets it, which joins both parts by AND."""
        return self._before + self.given if self.given else self.added

    def place(self, position: int) -> int | None:
        """Find a character in the filter that was given.

        Args:
            position: Where it is in the whole filter, counted from 1.

        Returns:
            Where it is in the given one, counted from 1; None if it is in what was added.
        """
        place = position - len(self._before)
        return place if self.given and place > 0 else None

    @property
    def _before(self) -> str:
        return f"{self.added} AND " if self.added else ""
