"""Chance: jitter and new ids, the only place where either is drawn."""

from __future__ import annotations

import os
import random
import time
from typing import Final

_RANDOM_BITS: Final = 74
_STEP_BITS: Final = 32
_DRAWN_BYTES: Final = 4_096
"""Random bytes fetched from the system at a time, which lets other threads in each time."""


def uuid7(milliseconds: int, random_bits: int) -> str:
    """Write a version 7 UUID (RFC 9562): its text sorts by time, then by the 74 random bits."""
    head = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value = head | (7 << 76) | ((random_bits >> 62) << 64) | (0b10 << 62) | (random_bits & ((1 << 62) - 1))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class SystemChance:
    """Jitter and ids from the machine's sources of randomness."""

    def __init__(self) -> None:
        # Jitter need not be unpredictable, ids do.
        self._jitter = random.Random()
        self._last_millisecond = 0
        self._last_bits = 0
        self._drawn = b""
        self._used = 0

    def jitter(self) -> float:
        """Draw from [0, 1)."""
        return self._jitter.random()

    def execution_id(self) -> str:
        """Make an id that sorts after all ids made before it by this process."""
        millisecond = time.time_ns() // 1_000_000
        if millisecond > self._last_millisecond:
            # The top bit stays free, so that counting up within a millisecond does not overflow.
            self._last_bits = self._random_bits(_RANDOM_BITS - 1)
            self._last_millisecond = millisecond
        else:
            self._last_bits += 1 + self._random_bits(_STEP_BITS)
        return uuid7(self._last_millisecond, self._last_bits)

    def _random_bits(self, count: int) -> int:
        """Take unpredictable bits, no bit twice."""
        size = (count + 7) // 8
        if self._used + size > len(self._drawn):
            self._drawn = os.urandom(_DRAWN_BYTES)
            self._used = 0
        taken = self._drawn[self._used : self._used + size]
        self._used += size
        return int.from_bytes(taken) >> (8 * size - count)
