"""Reading the fields of a request: every fault is collected with its path, and reported at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from perdure.codec.message_parts import instant_of
from perdure.codec.values import InvalidValue, value_from_message
from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.domain.limits import (
    LABEL_MAX_CHARACTERS,
    LABELS_MAX,
    PARAMETERS_MAX_BYTES,
    PRIORITY_MAX,
    SECOND,
    TEXT_MAX_CHARACTERS,
    VALUE_MAX_BYTES,
)
from perdure.domain.validation import LENGTH_MAX, TRIGGER_ID, TRIGGER_ID_RULE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

    from perdure.domain.value import Value
    from perdure.v1.value_pb2 import ValueType

REQUEST_ID_MAX_CHARACTERS: Final = 128
INSTANT_MIN_SECONDS: Final = -62_135_596_800
INSTANT_MAX_SECONDS: Final = 253_402_300_799
"""The years 1 to 9999, which is what a `Timestamp` can hold."""

_NANOS_IN_SECOND: Final = 1_000_000_000


class Faults:
    """Collects what is wrong with a request."""

    def __init__(self) -> None:
        self._refusals: list[InvalidRequest] = []

    def add(self, path: str, description: str, reason: str = "INVALID_FIELD") -> None:
        """Take note of one fault."""
        violation = FieldViolation(path, description)
        self._refusals.append(InvalidRequest(f"{path}: {description}", violation, reason=reason))

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Take note of what the parser in the block refuses, and go on reading behind the block.

        After a refusal the block has assigned nothing, so what it assigns is used after `refuse_if_any` only.
        """
        try:
            yield
        except InvalidRequest as refusal:
            self._refusals.append(refusal)

    def refuse_if_any(self) -> None:
        """End the reading of a request.

        Raises:
            InvalidRequest: There are faults. One alone is told as it is, with its metadata; several with the reason
                that they share, or with `INVALID_FIELD` if they share none.
        """
        if len(self._refusals) == 1:
            raise self._refusals[0]
        if self._refusals:
            violations = [violation for refusal in self._refusals for violation in refusal.violations]
            reasons = {refusal.reason_name for refusal in self._refusals}
            message = f"the request has {len(violations)} faults: {violations[0].path}: {violations[0].description}"
            raise InvalidRequest(message, *violations, reason=reasons.pop() if len(reasons) == 1 else "INVALID_FIELD")


def read_text(path: str, text: str, faults: Faults) -> str:
    """Read a text for people."""
    if len(text) > TEXT_MAX_CHARACTERS:
        faults.add(path, f"has {len(text)} characters, at most {TEXT_MAX_CHARACTERS} are allowed")
    return text


def read_request_id(path: str, text: str, faults: Faults) -> str:
    """Read a request id; empty if there is none (contract, decision 7)."""
    if len(text) > REQUEST_ID_MAX_CHARACTERS or not text.isprintable():
        faults.add(path, f"must have 1 to {REQUEST_ID_MAX_CHARACTERS} printable characters")
    return text


def read_trigger_id(path: str, text: str, faults: Faults) -> str:
    """Read the id of a trigger; empty if there is none."""
    if text and not TRIGGER_ID.fullmatch(text):
        faults.add(path, f"must have {TRIGGER_ID_RULE}")
    return text


def read_labels(path: str, labels: Mapping[str, str], faults: Faults) -> dict[str, str]:
    """Read labels (row 20)."""
    if len(labels) > LABELS_MAX:
        faults.add(path, f"has {len(labels)} entries, at most {LABELS_MAX} are allowed")
    for key, text in labels.items():
        if not 1 <= len(key) <= LABEL_MAX_CHARACTERS or len(text) > LABEL_MAX_CHARACTERS:
            faults.add(
                f'{path}["{key[:LABEL_MAX_CHARACTERS]}"]',
                f"the key must have 1 to {LABEL_MAX_CHARACTERS} characters, the value at most as many",
            )
    return dict(labels)


def read_priority(path: str, priority: int, faults: Faults) -> int:
    """Read a priority (row 14)."""
    if not 0 <= priority <= PRIORITY_MAX:
        faults.add(path, f"must be 0 to {PRIORITY_MAX}")
    return priority


def read_length(path: str, length: Duration, faults: Faults) -> int:
    """Read a length of time in microseconds; what is finer is cut off."""
    if abs(length.nanos) >= _NANOS_IN_SECOND or length.seconds * length.nanos < 0:
        faults.add(path, "is no length of time: its nanoseconds do not go with its seconds")
    elif length.seconds < 0 or length.nanos < 0:
        faults.add(path, "must not be negative")
    elif length.seconds * SECOND > LENGTH_MAX:
        faults.add(path, f"must be at most {LENGTH_MAX // SECOND} s")
    return length.seconds * SECOND + length.nanos // 1_000


def read_instant(path: str, timestamp: Timestamp, faults: Faults) -> int:
    """Read an instant in microseconds since the epoch; what is finer is cut off."""
    in_range = INSTANT_MIN_SECONDS <= timestamp.seconds <= INSTANT_MAX_SECONDS
    if not in_range or not 0 <= timestamp.nanos < _NANOS_IN_SECOND:
        faults.add(path, "must be an instant of the years 1 to 9999")
    return instant_of(timestamp)


def read_values(path: str, values: Mapping[str, ValueType], faults: Faults) -> dict[str, Value]:
    """Read parameters: each value has a kind, is within its limit, and is JSON if it says so (row 11)."""
    read: dict[str, Value] = {}
    total = 0
    for key, message in values.items():
        try:
            value = read[key] = value_from_message(message, VALUE_MAX_BYTES)
        except InvalidValue as error:
            faults.add(f'{path}["{key[:LABEL_MAX_CHARACTERS]}"]', error.message, error.reason)
        else:
            total += len(value.encoded)
    if total > PARAMETERS_MAX_BYTES:
        description = f"has {total} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        faults.add(path, description, "VALUE_TOO_LARGE")
    return read
