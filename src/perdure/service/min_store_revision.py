"""The request for an answer that shows at least some store revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.errors import WrongState

if TYPE_CHECKING:
    from perdure.service.fields import Faults
    from perdure.store.interface import Store


def check_min_store_revision(wanted: int, faults: Faults) -> None:
    """Check the field `min_store_revision` of a request by itself."""
    if wanted < 0:
        faults.add("min_store_revision", "must not be negative; zero asks for nothing")


def require_store_revision(wanted: int, store: Store) -> None:
    """Check that what is read from now on shows a store revision; it does if the store has had it.

    Args:
        wanted: The field `min_store_revision` of a request.
        store: What is read from.

    Raises:
        WrongState: The store has not had it (`STORE_RESET`).
    """
    newest = store.submitted_revision()
    if wanted > newest:
        message = f"this store has not had store revision {wanted}, its newest is {newest}; read the state anew"
        raise WrongState(message, reason="STORE_RESET", store_revision=str(newest))
