"""How often Python looks for garbage in a process that serves."""

from __future__ import annotations

import gc
from typing import Final

NEW_OBJECTS: Final = 20_000
YOUNG_COLLECTIONS: Final = 20
MIDDLE_COLLECTIONS: Final = 20
"""Before the youngest objects, the next and all of them are looked at. Nearly everything here is freed by
counting references, so that looking is rarely of use, and a look at all objects holds up the loop."""


def tune_garbage_collection() -> None:
    """Look for garbage less often, and never again among what exists now: modules, classes, message types."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_COLLECTIONS, MIDDLE_COLLECTIONS)
