"""JSON text: read strictly, and written in one way only.

Stricter than RFC 8259 asks, because a document must mean the same to every reader: no NaN or Infinity,
no number beyond a double, no key twice in one object, no half of a surrogate pair, at most
`JSON_MAX_DEPTH` levels. Integers keep all their digits.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

JSON_MAX_DEPTH: Final = 100
"""Most levels of lists and objects inside each other; many readers stop not far beyond it."""

_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_TOO_DEEP: Final = f"nests deeper than {JSON_MAX_DEPTH} levels"
_SHOWN_CHARACTERS: Final = 40


class InvalidJson(ValueError):
    """JSON text that is refused, or an object that JSON cannot hold; the message says why."""


def parse_json(text: str) -> object:
    """Read a document.

    Raises:
        InvalidJson: It is no JSON, or JSON that is refused here.
    """
    try:
        document = _DECODER.decode(text)
    except RecursionError:
        raise InvalidJson(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except InvalidJson:
        raise
    except ValueError:
        # Python refuses to convert digits whose number would take quadratic time to compute.
        raise InvalidJson("holds an integer of too many digits") from None
    _check_levels(document)
    if _SURROGATE_ESCAPE.search(text) and not _is_unicode(document):
        raise InvalidJson("holds one half of a surrogate pair")
    return document


def write_json(document: object) -> str:
    """Write compactly, with sorted keys, and every character as itself.

    Raises:
        InvalidJson: It is not made of None, bool, int, finite float, str, lists, tuples and dicts with
            str keys, or it nests too deep.
    """
    try:
        text = _ENCODER.encode(document)
    except RecursionError:
        raise InvalidJson(_TOO_DEEP) from None
    except TypeError:
        raise InvalidJson("is not made of JSON types, or has keys of several types") from None
    except ValueError as error:
        raise InvalidJson(f"cannot be written as JSON: {error}") from None
    _check_levels(document)
    return text


def _is_unicode(document: object) -> bool:
    try:
        _ENCODER.encode(document).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_levels(document: object) -> None:
    """Walk level by level: wide documents are checked fast, deep ones without recursion."""
    level: list[object] = [document] if isinstance(document, (dict, list, tuple)) else []
    depth = 0
    while level:
        depth += 1
        if depth > JSON_MAX_DEPTH:
            raise InvalidJson(_TOO_DEEP)
        below: list[object] = []
        for container in level:
            below += [child for child in _children(container) if isinstance(child, (dict, list, tuple))]
        level = below


def _children(container: object) -> Iterable[object]:
    if isinstance(container, dict):
        if not all(isinstance(key, str) for key in container):
            raise InvalidJson("has a key that is not a string")
        return container.values()
    assert isinstance(container, (list, tuple))
    return container


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise InvalidJson(f"has the key {twice[:_SHOWN_CHARACTERS]!r} twice in one object")
    return result


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidJson("holds a number beyond the range of a double")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"holds {name}, which is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
