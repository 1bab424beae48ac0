"""Where a watch begins, and whether the log still reaches back so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from perdure.codec.tokens import InvalidToken, Purpose
from perdure.domain.errors import FieldViolation, InvalidRequest, OutOfRange, WrongState
from perdure.store.queries import log_position
from perdure.watch.envelope import Place
from perdure.watch.order import AfterRevision, AtCursor, Begin

if TYPE_CHECKING:
    from perdure.codec.tokens import Cursor, TokenCodec
    from perdure.store.interface import Store
    from perdure.watch.order import Start
    from perdure.watch.subject import Subject

BEGINNING = Place(log_position(0))


class CursorExpired(OutOfRange):
    """What follows the start of a watch is not kept any more.

    Args:
        floor: Oldest store revision to begin after.
    """

    def __init__(self, floor: int) -> None:
        message = f"what followed the start of the watch is not kept any more; the oldest revision is {floor}"
        super().__init__(f"{message}: list, then watch from the revision of the list", oldest_revision=str(floor))


class StartReader:
    """Finds the place where a watch begins."""

    def __init__(self, store: Store, tokens: TokenCodec) -> None:
        self._store = store
        self._tokens = tokens

    def read(self, start: Start, subject: Subject) -> Place:
        """Find the place.

        Raises:
            InvalidRequest: The cursor is none, or belongs to another watch.
            WrongState: The start is of another store, or of a future that this one does not have.
        """
        if isinstance(start, AtCursor):
            return self._cursor(start.token, subject)
        if isinstance(start, AfterRevision):
            return self._revision(start)
        return BEGINNING if start is Begin.BEGINNING else Place(log_position(self._store.committed_revision()))

    def _cursor(self, token: str, subject: Subject) -> Place:
        cursor = self._open(token)
        if cursor.position < 0 or cursor.events < 0:
            raise InvalidToken(Purpose.CURSOR)
        if cursor.selection != subject.digest or cursor.project != subject.scope.project:
            description = "belongs to a watch of something else, or with another filter"
            violation = FieldViolation("cursor", description)
            raise InvalidRequest(f"cursor: {description}", violation, reason="CURSOR_FILTER_MISMATCH")
        if cursor.store_id != self._store.identity.store_id:
            _store_reset("the cursor is from another store")
        if cursor.position > log_position(self._store.submitted_revision()):
            _store_reset("the cursor is from a future that this store has not had")
        return Place(cursor.position, cursor.events, cursor.unsynced)

    def _open(self, token: str) -> Cursor:
        try:
            return self._tokens.open_cursor(token)
        except InvalidToken:
            # Another store has other keys: what it gave out cannot be told from what somebody has changed.
            if self._tokens.claimed_store(token) not in {None, self._store.identity.store_id}:
                _store_reset("the cursor is from another store")
            raise

    def _revision(self, start: AfterRevision) -> Place:
        if start.store_id != self._store.identity.store_id:
            _store_reset("the store revision is one of another store")
        if start.store_revision > self._store.submitted_revision():
            _store_reset("the store revision is one that this store has not had")
        return Place(log_position(start.store_revision))


def _store_reset(message: str) -> NoReturn:
    raise WrongState(f"{message}; read the state anew", reason="STORE_RESET")
