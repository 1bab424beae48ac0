"""Alternatives, and what follows a block in which something failed."""

from __future__ import annotations

import pytest

from perdure import App, PermanentError, TracingError, first_match, otherwise, parallel, teardown, when
from perdure.codec.integrations import find_faults
from tests.definition.performing import Performance
from tests.domain.builders import EVALUATOR

app = App("shop")


@app.task
def note(text: str) -> str:
    if text == "bad":
        raise PermanentError("this cannot be noted")
    return text


def integration(function):
    return App("test").integration()(function)


def sort(size: int, text: str) -> None:
    note(text)
    with first_match():
        with when(size > 10), parallel():
            note("big")
            note("very big")
        with when(size > 5):
            note("medium")
        with otherwise():
            note("small")
    note("after")


@pytest.mark.parametrize(
    ("size", "order"),
    [
        (20, ["note", "note_2", "note_3", "note_6"]),
        (7, ["note", "note_4", "note_6"]),
        (1, ["note", "note_5", "note_6"]),
    ],
)
def test_the_first_alternative_that_holds_is_taken(size, order):
    traced = integration(sort)
    assert find_faults(traced.definition, EVALUATOR) == []
    assert Performance(app, traced, size=size, text="x").order == order


def test_what_follows_runs_if_no_alternative_holds():
    def traced(size: int) -> None:
        with first_match(), when(size > 10):
            note("big")
        note("after")

    assert Performance(app, integration(traced), size=1).order == ["note_2"]
    assert Performance(app, integration(traced), size=20).order == ["note", "note_2"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_follows_a_block_does_not_run_after_a_failure_anywhere_in_it(place):
    texts = ["bad" if at == place else "good" for at in range(3)]

    def in_when(yes: bool) -> None:
        note("before")
        with when(yes):
            for text in texts:
                note(text)
        note("after")

    def in_first_match(yes: bool) -> None:
        with first_match(), when(yes):
            for text in texts:
                note(text)
        note("after")

    for function, last in ((in_when, "note_5"), (in_first_match, "note_4")):
        done = Performance(app, integration(function), yes=True)
        assert not done.succeeded
        assert last not in done.order
        assert Performance(app, integration(function), yes=False).succeeded


def beside(size):
    with first_match():
        note("x")


def after_the_last(size):
    with first_match():
        with otherwise():
            note("x")
        with when(size > 1):
            note("x")


def twice(size):
    with first_match():
        with otherwise():
            note("x")
        with otherwise():
            note("x")


def alone(size):
    with otherwise():
        note("x")


def in_teardown(size):
    with teardown(), first_match():
        note("x")


@pytest.mark.parametrize(
    ("function", "line", "part"),
    [
        (beside, 2, "only `with when"),
        (after_the_last, 4, "nothing is left to choose"),
        (twice, 4, "nothing is left to choose"),
        (alone, 1, "the last alternative of a"),
        (in_teardown, 1, "has no alternatives"),
    ],
)
def test_what_is_no_alternative_is_refused_with_its_place(function, line, part):
    def traced(size: int) -> None:
        function(size)

    with pytest.raises(TracingError, match=part) as caught:
        assert integration(traced).definition
    assert (caught.value.filename, caught.value.line) == (__file__, function.__code__.co_firstlineno + line)
