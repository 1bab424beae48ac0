"""Pages of lists: how many, from where, and how much fits (AIP-158)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from perdure.codec.tokens import InvalidToken, Page, Purpose, TokenCodec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from perdure.service.fields import Faults

PAGE_MAX_BYTES: Final = 3 << 20
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000
FULL_PAGE_MAX: Final = 100

_DIGEST_BYTES: Final = 16


class Wanted(NamedTuple):
    """Which page a request asks for.

    Attributes:
        size: At most so many elements.
        key: Sort key of the last element of the page before; empty for the first page.
        store_revision: Of the first page.
        digest: Digest of the request, for the next token.
    """

    size: int
    key: tuple[str, ...]
    store_revision: int
    digest: bytes


def check_page_size(page_size: int, faults: Faults) -> None:
    """Check the field `page_size` of a request."""
    if page_size < 0:
        faults.add("page_size", "must not be negative")


class Pager:
    """Reads page requests and makes page tokens, which are good for the same request only."""

    def __init__(self, tokens: TokenCodec) -> None:
        self._tokens = tokens

    def read(self, request: Any, *, most: int, store_revision: int) -> Wanted:  # noqa: ANN401 - any List request
        """Read which page is wanted.

        Args:
            request: A List request, with the fields of AIP-158, that is right but perhaps for its token: that is
                bound to all else, so nothing can be said of it before.
            most: Size that larger ones are read as.
            store_revision: The present one, for a first page.

        Raises:
            InvalidToken: The token is not one of this list.
        """
        size = min(request.page_size or PAGE_DEFAULT, most)
        digest = _digest(request)
        if not request.page_token:
            return Wanted(size, (), store_revision, digest)
        page = self._tokens.open_page(request.page_token)
        if page.request_digest != digest:
            raise InvalidToken(Purpose.PAGE)
        return Wanted(size, page.key, page.store_revision, digest)

    def token(self, wanted: Wanted, *key: str) -> str:
        """Make the token of the page after an element."""
        return self._tokens.seal_page(Page(wanted.digest, key, wanted.store_revision))


def _digest(request: Message) -> bytes:
    """Digest what has to stay the same from page to page: everything but size and token."""
    bound = type(request)()
    bound.CopyFrom(request)
    bound.ClearField("page_size")
    bound.ClearField("page_token")
    digest = blake2b(request.DESCRIPTOR.full_name.encode(), digest_size=_DIGEST_BYTES)
    digest.update(bound.SerializeToString(deterministic=True))
    return digest.digest()


def fitting(messages: Iterable[Message]) -> int:
    """Count how many messages fit on one page; at least one, however large."""
    count = size = 0
    for message in messages:
        size += message.ByteSize()
        if count and size > PAGE_MAX_BYTES:
            break
        count += 1
    return count
