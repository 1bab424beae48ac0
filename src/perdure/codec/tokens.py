"""Tokens that callers carry for us: page tokens, cursors of watches, leases.

A token is text of A-Z, a-z, 0-9, `-` and `_`: version, id of the key, purpose, payload, and the first 16
bytes of HMAC-SHA256 over all of these. It is authentic, not secret. The key with the greatest id signs and
every key that is known verifies, so that keys can be changed while older tokens are still in use.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.message import DecodeError

from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.internal.v1 import token_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

TOKEN_MAX_CHARACTERS: Final = 4_096

_STORE_ID: Final = re.compile("[0-9a-f]{32}")
_VERSION: Final = 1
_HEADER_BYTES: Final = 4
_MAC_BYTES: Final = 16
_KEY_ID_MAX: Final = 0xFFFF


class Purpose(IntEnum):
    """What a token is for; one made for another purpose is refused."""

    PAGE = 1
    CURSOR = 2
    LEASE = 3


_REASONS: Final = {
    Purpose.PAGE: "PAGE_TOKEN_INVALID",
    Purpose.CURSOR: "CURSOR_INVALID",
    Purpose.LEASE: "LEASE_LOST",
}
_FIELDS: Final = {Purpose.PAGE: "page_token", Purpose.CURSOR: "cursor", Purpose.LEASE: "lease"}


class InvalidToken(InvalidRequest):
    """A token that this server did not make for this purpose; the reason tells the purpose."""

    def __init__(self, purpose: Purpose) -> None:
        field = _FIELDS[purpose]
        violation = FieldViolation(field, "must be one that this server gave out for this use, unchanged")
        super().__init__(f"{field}: {violation.description}", violation, reason=_REASONS[purpose])


class Page(NamedTuple):
    """Where the next page of a list begins.

    Attributes:
        request_digest: Digest of what has to stay the same from page to page.
        key: Sort key of the last element sent.
        store_revision: Store revision of the first page.
    """

    request_digest: bytes
    key: tuple[str, ...]
    store_revision: int


class Cursor(NamedTuple):
    """How far a watch has come.

    Attributes:
        selection: Digest of what the watch is about: its scope and its filter.
        position: Place in the log up to which everything was sent.
        events: How many events of the next record behind it were sent too.
        unsynced: Whether the initial state was not complete yet.
    """

    store_id: str
    project: str
    selection: bytes
    position: int
    events: int = 0
    unsynced: bool = False


class Lease(NamedTuple):
    """One grant of one attempt of one task to one worker.

    Attributes:
        execution_attempt: From 1.
        attempt: Of the task, from 1.
        grant: Tells apart grants of the same attempt.
    """

    project: str
    execution: str
    task: str
    execution_attempt: int
    attempt: int
    grant: int


class TokenCodec:
    """Seals tokens with the store's keys and opens them again.

    Args:
        keys: Keys by their id, from 0 to 65,535; at least one. The greatest id signs.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or not all(0 <= key_id <= _KEY_ID_MAX for key_id in keys):
            raise ValueError("needs at least one key, with ids from 0 to 65535")
        # Keyed once and copied for each token: `hmac.digest` would set the key up every time, and let other
        # threads in meanwhile.
        self._macs = {key_id.to_bytes(2, "big"): hmac.new(key, digestmod="sha256") for key_id, key in keys.items()}
        newest = max(keys)
        self._mac = self._macs[newest.to_bytes(2, "big")]
        self._headers = {
            purpose: bytes([_VERSION]) + newest.to_bytes(2, "big") + bytes([purpose]) for purpose in Purpose
        }

    def seal(self, purpose: Purpose, payload: bytes) -> str:
        """Make the token of a payload."""
        signed = self._headers[purpose] + payload
        return urlsafe_b64encode(signed + _mac_of(self._mac, signed)).rstrip(b"=").decode("ascii")

    def open(self, purpose: Purpose, token: str) -> bytes:
        """Hand out the payload of a token.

        Raises:
            InvalidToken: It is too long, is changed in any way, is for another purpose, or its key is
                not known (any more).
        """
        if len(token) > TOKEN_MAX_CHARACTERS:
            raise InvalidToken(purpose)
        sealed = _decode_text(token)
        signed, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        keyed = self._macs.get(signed[1:3])
        if len(signed) < _HEADER_BYTES or signed[0] != _VERSION or signed[3] != purpose or keyed is None:
            raise InvalidToken(purpose)
        if not hmac.compare_digest(_mac_of(keyed, signed), mac):
            raise InvalidToken(purpose)
        return signed[_HEADER_BYTES:]

    def seal_page(self, page: Page) -> str:
        """Make a page token."""
        message = token_pb2.PageToken(
            request_digest=page.request_digest, key=page.key, store_revision=page.store_revision
        )
        return self.seal(Purpose.PAGE, message.SerializeToString())

    def open_page(self, token: str) -> Page:
        """Read a page token.

        Raises:
            InvalidToken: It is none of ours.
        """
        message = token_pb2.PageToken()
        self._parse(Purpose.PAGE, token, message)
        return Page(message.request_digest, tuple(message.key), message.store_revision)

    def seal_cursor(self, cursor: Cursor) -> str:
        """Make the cursor of a watch."""
        message = token_pb2.WatchCursor(
            store_id=cursor.store_id,
            project=cursor.project,
            selection=cursor.selection,
            position=cursor.position,
            events=cursor.events,
            unsynced=cursor.unsynced,
        )
        return self.seal(Purpose.CURSOR, message.SerializeToString())

    def open_cursor(self, token: str) -> Cursor:
        """Read the cursor of a watch.

        Raises:
            InvalidToken: It is none of ours.
        """
        message = token_pb2.WatchCursor()
        self._parse(Purpose.CURSOR, token, message)
        return Cursor(
            message.store_id, message.project, message.selection, message.position, message.events, message.unsynced
        )

    def claimed_store(self, cursor: str) -> str | None:
        """Read which store a cursor says that it is of, without believing it: keys are a store's own.

        Returns:
            None if it has not the form of a cursor.
        """
        message = token_pb2.WatchCursor()
        signed = _decode_text(cursor[:TOKEN_MAX_CHARACTERS])[:-_MAC_BYTES]
        if len(signed) <= _HEADER_BYTES or signed[0] != _VERSION or signed[3] != Purpose.CURSOR:
            return None
        try:
            message.ParseFromString(signed[_HEADER_BYTES:])
        except DecodeError:
            return None
        return message.store_id if _STORE_ID.fullmatch(message.store_id) else None

    def seal_lease(self, lease: Lease) -> str:
        """Make a lease."""
        message = token_pb2.LeaseToken(
            project=lease.project,
            execution=lease.execution,
            task=lease.task,
            execution_attempt=lease.execution_attempt,
            attempt=lease.attempt,
            grant=lease.grant,
        )
        return self.seal(Purpose.LEASE, message.SerializeToString())

    def open_lease(self, token: str) -> Lease:
        """Read a lease.

        Raises:
            InvalidToken: It is none of ours.
        """
        message = token_pb2.LeaseToken()
        self._parse(Purpose.LEASE, token, message)
        return Lease(
            message.project,
            message.execution,
            message.task,
            message.execution_attempt,
            message.attempt,
            message.grant,
        )

    def _parse(self, purpose: Purpose, token: str, message: Message) -> None:
        try:
            message.ParseFromString(self.open(purpose, token))
        except DecodeError as error:
            raise InvalidToken(purpose) from error


def _mac_of(keyed: hmac.HMAC, signed: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(signed)
    return mac.digest()[:_MAC_BYTES]


def _decode_text(token: str) -> bytes:
    """Decode the text of a token; empty if it is not exactly what encoding the result gives.

    The comparison refuses what the decoder would pass over: foreign characters, bits left over at the end.
    """
    try:
        text = token.encode("ascii")
        sealed = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
    return sealed if urlsafe_b64encode(sealed).rstrip(b"=") == text else b""
