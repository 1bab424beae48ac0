"""A second opinion on what a filter means, slow and made differently: it works on the text.

It knows only filters that are well formed. The words are split off by one pattern, an AND is put between those that
have none, and the rest is splitting: at AND, then at OR, then parentheses. Of an execution it sees the values of a
field: none if it is not set, and several for tasks.
"""

from __future__ import annotations

import json
import operator
import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from perdure.v1.execution_pb2 import Execution, ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.filter.executions import Sample

    Seen = dict[tuple[str, str], list[Any]]
    Check = Callable[[Seen], bool]

_STRING = r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'"
_WORDS = re.compile(
    rf"""
      (?P<open>\() | (?P<close>\)) | (?P<joint>AND|OR)(?=[\s(-]) | (?P<not>NOT(?=[\s(]) | -)
    | (?P<field>\w+(?:\.code)?) (?: \.(?P<key>{_STRING}|[\w-]+) )? \s*
      (?P<comparator><=|>=|!=|[=<>:]) \s* (?P<constant>{_STRING}|[^\s()]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def understand(text: str) -> Check:
    """Make a check of a filter that is well formed."""
    words: list[str | Check] = []
    place = 0
    for match in _WORDS.finditer(text):
        assert not text[place : match.start()].strip(), f"does not understand {text[place:]!r}"
        place = match.end()
        word = _check(match) if match["field"] else match[0]
        if words and words[-1] not in {"(", "AND", "OR", "NOT", "-"} and word not in {")", "AND", "OR"}:
            words.append("AND")
        words.append(word)
    assert not text[place:].strip(), f"does not understand {text[place:]!r}"
    return _all(words)


def _split(words: list[str | Check], joint: str) -> list[list[str | Check]]:
    """Split words at a keyword that is in no parentheses."""
    parts: list[list[str | Check]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == joint and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _all(words: list[str | Check]) -> Check:
    checks = [_any(part) for part in _split(words, "AND")]
    return checks[0] if len(checks) == 1 else lambda seen: all(check(seen) for check in checks)


def _any(words: list[str | Check]) -> Check:
    checks = [_one(part) for part in _split(words, "OR")]
    return checks[0] if len(checks) == 1 else lambda seen: any(check(seen) for check in checks)


def _one(words: list[str | Check]) -> Check:
    first, *others = words
    if first in {"NOT", "-"}:
        negated = _one(others)
        return lambda seen: not negated(seen)
    if first == "(":
        assert others[-1] == ")"
        return _all(others[:-1])
    assert not isinstance(first, str)
    assert not others
    return first


def _check(match: re.Match[str]) -> Check:
    """Make the check of one comparison."""
    field = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", match["field"])
    comparator, constant = match["comparator"], match["constant"]
    key = _plain(match["key"]) if match["key"] else ""
    if field in {"labels", "parameters"} and not key:
        return lambda seen: _plain(constant) in seen[field, ""]
    test = _test(field, comparator, constant)
    if comparator == "!=":
        return lambda seen: not any(test(value) for value in seen.get((field, key), ()))
    return lambda seen: any(test(value) for value in seen.get((field, key), ()))


def _test(field: str, comparator: str, constant: str) -> Callable[[Any], bool]:
    if comparator in _ORDERS:
        order = _ORDERS[comparator]
        wanted = _wanted(field, constant)
        return lambda value: _comparable(value, wanted) and order(value, wanted)
    if constant in {"*", '"*"', "'*'"}:
        return lambda _: True
    if _ends_in_star(constant):
        beginning = _plain(constant)[:-1]
        return lambda value: _text(value)[: len(beginning)] == beginning
    if field == "parameters":
        wanted_text = _text(_wanted(field, constant))
        return lambda value: _text(value) == wanted_text
    wanted = _wanted(field, constant)
    return lambda value: bool(value == wanted)


def _comparable(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(one, str) != isinstance(other, str):
        return False
    return isinstance(one, str | int | float | Decimal)


def _text(value: object) -> str:
    """Write a value as equality of parameters compares it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and abs(value) < 2**53 and value == int(value):
        return str(int(value))
    return json.dumps(value)


def _plain(constant: str) -> str:
    """Take the quotes and the escapes away."""
    return re.sub(r"\\(.)", r"\1", constant[1:-1]) if constant[0] in "\"'" else constant


def _ends_in_star(constant: str) -> bool:
    if constant[0] not in "\"'":
        return constant.endswith("*")
    return re.sub(r"\\.", "", constant[1:-1]).endswith("*")


def _wanted(field: str, constant: str) -> Any:
    """Read a constant as what the values of the field are."""
    text = _plain(constant)
    if field == "state":
        return ExecutionDetails.State.Value(text)
    if field == "execution_method":
        return Execution.ExecutionMethod.Value(text)
    if field == "started_by":
        return Execution.StartedBy.Value(f"STARTED_BY_{text.removeprefix('STARTED_BY_')}")
    if field.endswith("_time"):
        return _instant(text)
    if field == "duration":
        return int(Decimal(text[:-1]) * 1_000_000)
    if field in {"priority", "snapshot_number"}:
        return int(text)
    if field == "orphan":
        return text == "true"
    if field in {"parent", "root"}:
        return text.split("/")[-1]
    if field == "parameters" and text == constant:
        return _literal(text)
    return text


def _literal(text: str) -> object:
    """Read a constant without quotes."""
    if text in {"true", "false"} or not _NUMBER.fullmatch(text):
        return {"true": True, "false": False}.get(text, text)
    number = json.loads(text)
    return number if abs(number) < 2**63 or number == -(2**63) else float(number)


def _instant(text: str) -> int:
    day, _, rest = text.upper().partition("T")
    match = re.fullmatch(r"([\d:]*)(?:\.(\d+))?(.*)", rest)
    assert match is not None
    moment = datetime.fromisoformat(f"{day}T{match[1] or '00:00:00'}{(match[3] or 'Z').replace('Z', '+00:00')}")
    since = moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (since.days * 86_400 + since.seconds) * 1_000_000 + int(f"{match[2] or ''}000000"[:6])


def see(sample: Sample) -> Seen:
    """List the values of each field and key; for a field of several keys and no key, the keys."""
    created, facts = sample
    ran = facts.start_time is not None and facts.end_time is not None
    single: dict[str, Any] = {
        "execution_id": created.key.execution,
        "state": facts.state,
        "create_time": created.create_time,
        "start_time": facts.start_time,
        "update_time": facts.update_time,
        "end_time": facts.end_time,
        "duration": facts.end_time - facts.start_time if ran else None,  # type: ignore[operator]
        "integration_revision_id": created.revision_id,
        "snapshot_number": int(created.revision_id.split("-")[0]),
        "trigger_id": created.trigger_id or None,
        "execution_method": created.execution_method,
        "priority": facts.priority,
        "parent": created.origin.parent if created.origin else None,
        "root": created.root,
        "orphan": created.orphan,
        "started_by": created.started_by,
        "error.code": facts.error_code,
    }
    seen: Seen = {(field, ""): [] if value is None else [value] for field, value in single.items()}
    seen["current_task", ""] = list(facts.current_tasks)
    for field, text in (("labels", facts.labels(created)), ("parameters", facts.parameters)):
        content = json.loads(text)
        seen[field, ""] = list(content)
        seen |= {(field, key): [value] for key, value in content.items()}
    return seen
