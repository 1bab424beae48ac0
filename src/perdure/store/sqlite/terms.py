"""Terms: labels and searchable parameters as the texts by which executions are found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from perdure.store.filter.tree import parameter_text

if TYPE_CHECKING:
    from collections.abc import Mapping

TERM_TEXT_MAX_CHARACTERS: Final = 256
"""Longer texts have no term: they are found by looking at each execution."""


def label_term(key: str, text: str) -> str | None:
    """Make the term of a label, None if the text is too long for one."""
    return _term("l", key, text)


def parameter_term(key: str, text: str) -> str | None:
    """Make the term of a searchable parameter by its `parameter_text`, None if the text is too long for one."""
    return _term("p", key, text)


def terms_of(labels: str, new_labels: str | None, parameters: str) -> set[str]:
    """Collect the terms of an execution, from the JSON objects in its columns."""
    return _label_terms(labels if new_labels is None else new_labels) | _parameter_terms(parameters)


def _label_terms(labels: str) -> set[str]:
    """Collect the terms of a JSON object of labels."""
    if labels == "{}":
        return set()
    texts: Mapping[str, str] = json.loads(labels)
    return {term for key, text in texts.items() if (term := label_term(key, text)) is not None}


def _parameter_terms(parameters: str) -> set[str]:
    """Collect the terms of a JSON object of searchable parameters."""
    if parameters == "{}":
        return set()
    values: Mapping[str, str | float | bool] = json.loads(parameters)
    return {term for key, value in values.items() if (term := parameter_term(key, parameter_text(value))) is not None}


def _term(kind: str, key: str, text: str) -> str | None:
    if len(text) > TERM_TEXT_MAX_CHARACTERS:
        return None
    # The length tells where the key ends, whatever it contains.
    return f"{kind}{len(key)}:{key}={text}"
