"""What the store keeps beside the events of a commit: what filters ask for, and what lists show.

Both are made at every commit, so they cost a look at a few fields; only the commit that ends an execution
looks at all of its tasks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from perdure.codec.errors import final_failure
from perdure.codec.values import decode_value
from perdure.domain.value import ValueKind
from perdure.store.records import Facts, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.execution import Execution
    from perdure.domain.value import Value

CURRENT_TASKS_KEPT: Final = 20
"""Current tasks that are kept; an execution with more at a time is not found by the rest."""

SEARCHABLE_TEXT_MAX_CHARACTERS: Final = 256
"""Longest text of a searchable parameter; an execution is not found by a longer one."""

_NO_PARAMETERS: Final = "{}"
_SEARCHABLE_KINDS: Final = frozenset({ValueKind.STRING, ValueKind.INT, ValueKind.DOUBLE, ValueKind.BOOLEAN})


def facts_of(execution: Execution) -> Facts:
    """Collect what can be asked of an execution as it is now (rows 22 and 24)."""
    failure = final_failure(execution)
    searchable = execution.graph.integration.searchable
    return Facts(
        execution.state,
        execution.update_time,
        execution.start_time,
        execution.end_time,
        None if failure is None else failure.code,
        tuple(execution.current_tasks[:CURRENT_TASKS_KEPT]),
        _searchable_text(searchable, execution.parameters) if searchable else _NO_PARAMETERS,
        execution.execution_attempt,
        execution.priority,
        None if execution.labels == execution.created.labels else labels_text(execution.labels),
    )


def summary_of(execution: Execution) -> Summary:
    """Collect what lists show of an execution as it is now, besides its facts."""
    failure = final_failure(execution)
    pause = execution.pause
    return Summary(
        execution.deadline,
        execution.next_execution_time,
        execution.cancel_time,
        execution.cancel_reason,
        execution.message,
        "" if failure is None else failure.message,
        len(execution.tasks),
        execution.finished_task_count,
        execution.description,
        None if pause is None else pause.time,
        "" if pause is None else pause.reason,
        execution.development,
    )


def labels_text(labels: Mapping[str, str]) -> str:
    """Write labels as the JSON object that the store keeps."""
    if not labels:
        return "{}"
    return json.dumps(dict(sorted(labels.items())), ensure_ascii=False, separators=(",", ":"))


def _searchable_text(keys: tuple[str, ...], parameters: Mapping[str, Value]) -> str:
    """Write the searchable parameters that have a value that can be searched for."""
    found: dict[str, object] = {}
    for key in keys:
        value = parameters.get(key)
        if value is None or value.kind not in _SEARCHABLE_KINDS:
            continue
        plain = decode_value(value)
        if not isinstance(plain, str) or len(plain) <= SEARCHABLE_TEXT_MAX_CHARACTERS:
            found[key] = plain
    if not found:
        return _NO_PARAMETERS
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
