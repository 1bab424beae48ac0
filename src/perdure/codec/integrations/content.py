"""What of an integration is its content: that which makes a revision when it changes."""

from __future__ import annotations

import hashlib
from typing import Final

from perdure.v1.integration_pb2 import Integration

NOT_CONTENT: Final = (
    "name",
    "uid",
    "etag",
    "create_time",
    "update_time",
    "revision_id",
    "snapshot_number",
    "store_revision",
)
"""Fields that say where, when and under which ids an integration is kept."""


def canonical_bytes(message: Integration) -> bytes:
    """Serialise the content of a definition, so that equal content has equal bytes.

    Fields that this version does not know are left out: they are kept nowhere.
    """
    content = Integration()
    content.CopyFrom(message)
    for field in NOT_CONTENT:
        content.ClearField(field)
    content.DiscardUnknownFields()
    return content.SerializeToString(deterministic=True)


def revision_id(ordinal: int, content: bytes) -> str:
    """Name a revision by its ordinal, from 1, and the start of its content's hash: `000001-a4d`."""
    return f"{ordinal:06}-{hashlib.sha256(content).hexdigest()[:3]}"
