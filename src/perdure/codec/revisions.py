"""Revisions of integrations as they are stored: the definition word for word, and the expressions' dialect."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from perdure.codec.record_parts import UnreadableRecord, check_format
from perdure.internal.v1 import record_pb2
from perdure.v1.integration_pb2 import Integration

FORMAT: Final = 1
"""Format of the records that are written; all formats up to it can be read."""


def encode_revision(definition: Integration, dialect: str) -> bytes:
    """Encode one revision.

    Args:
        definition: The integration as it was accepted.
        dialect: Version of the dialect that its expressions were checked for.
    """
    encoded = definition.SerializeToString(deterministic=True)
    return record_pb2.Revision(format=FORMAT, dialect=dialect, integration=encoded).SerializeToString()


def decode_revision(payload: bytes) -> Integration:
    """Decode the definition of one revision.

    Raises:
        UnreadableRecord: It is damaged, or a newer version wrote it.
    """
    record = _parse(payload)
    try:
        return Integration.FromString(record.integration)
    except DecodeError as error:
        raise UnreadableRecord("the definition in a revision is damaged") from error


def revision_dialect(payload: bytes) -> str:
    """Read which version of the dialect the expressions of a revision were checked for.

    Raises:
        UnreadableRecord: It is damaged, or a newer version wrote it.
    """
    return _parse(payload).dialect


def _parse(payload: bytes) -> record_pb2.Revision:
    try:
        record = record_pb2.Revision.FromString(payload)
    except DecodeError as error:
        raise UnreadableRecord("a revision is damaged") from error
    check_format(record.format, FORMAT, "a revision")
    return record
