"""Python objects as inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from perdure.client.errors import InvalidRequest
from perdure.client.values import all_to_python, to_messages


@dataclass
class Line:
    sku: str
    count: int


def test_dataclasses_travel_as_json_wherever_they_are() -> None:
    messages = to_messages({"line": Line("apple", 4), "lines": [Line("pear", 1)], "by_name": {"a": Line("fig", 2)}})
    assert all_to_python(messages) == {
        "line": {"sku": "apple", "count": 4},
        "lines": [{"sku": "pear", "count": 1}],
        "by_name": {"a": {"sku": "fig", "count": 2}},
    }


def test_objects_without_a_form_are_refused_with_their_paths() -> None:
    with pytest.raises(InvalidRequest) as refused:
        to_messages({"good": 1, "bad": {1, 2}})
    assert [violation.path for violation in refused.value.field_violations] == ['input_parameters["bad"]']


@pytest.mark.parametrize("inputs", [[1], [], "a=1"])
def test_inputs_without_keys_are_refused(inputs: Any) -> None:
    with pytest.raises(TypeError, match="by key"):
        to_messages(inputs)
