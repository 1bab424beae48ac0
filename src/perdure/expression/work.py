"""A bound on the work of an expression, known before it runs.

The library stops an expression after `ITERATION_BUDGET` passes through loop bodies, but one pass can copy a
long text, and loops one after the other can double what they are given (`.map(a, a + a).map(a, a + a)`). So
the sizes of the inputs and the shape of the expression give an upper bound, and what could go beyond
`WORK_MAX` is refused before any of it is done. One unit is about one byte handled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from perdure.expression.outline import Outline

ITERATION_BUDGET: Final = 10_000
"""Passes through loop bodies in one evaluation; the library's own, which it does not let us set."""

WORK_MAX: Final = 1 << 26
"""Most units of work: some tens of milliseconds, some tens of megabytes."""

# Weight of a number, and of the place of an element in a list.
_NODE: Final = 16
# The library's parser refuses deeper expressions, and a chain of calls counts as depth.
_CHAIN_MAX: Final = 32


class _Survey:
    """Weighs values, and remembers the longest list and the heaviest element that it met."""

    __slots__ = ("heaviest", "longest")

    def __init__(self) -> None:
        self.longest = 1
        self.heaviest = 0

    def weigh(self, value: object) -> int:
        if isinstance(value, str):
            return _NODE + len(value)
        if isinstance(value, dict):
            keys = [_NODE + len(key) for key in value]
            return self._weigh_elements([*keys, *map(self.weigh, value.values())])
        if isinstance(value, list):
            return self._weigh_elements([self.weigh(element) for element in value])
        return _NODE

    def _weigh_elements(self, weights: list[int]) -> int:
        self.longest = max(self.longest, len(weights))
        self.heaviest = max(self.heaviest, max(weights, default=0))
        return _NODE + sum(weights)


def bound_work(outline: Outline, bindings: Mapping[str, object]) -> float:
    """Bound the units of work of evaluating an expression on these variables from above."""
    additions, repeats = outline.additions, outline.additions + outline.separators
    if not outline.loops and not repeats:
        return 0  # reads and compares its inputs, no more
    survey = _Survey()
    total = sum(survey.weigh(value) for value in _inputs(bindings)) + outline.longest_literal
    # A sum of n texts copies the first of them n times.
    straight = total * (1 + outline.separators + additions * (additions + 1) / 2)
    if not outline.loops:
        return straight
    chain = min(outline.loops, _CHAIN_MAX)
    # What the only loop's body makes is looped over by nothing.
    lengthening = outline.outer_additions if outline.loops == 1 else additions
    longest = max(survey.longest, 1 + repeats) * _growth(lengthening, chain)
    iterations = min(ITERATION_BUDGET, outline.loops * longest**outline.depth)
    reread = sum(survey.weigh(_lookup(bindings, path.names)) for path in outline.paths if path.repeated)
    one_pass = (reread + survey.heaviest + outline.longest_literal + _NODE) * _growth(repeats, chain + 1)
    if outline.builds_lists:
        one_pass += _NODE * min(ITERATION_BUDGET, longest)
    return straight + iterations * one_pass


def _growth(signs: int, steps: int) -> float:
    """Bound how many times steps, one feeding the next, can repeat what the first is given.

    Each step multiplies by one more than its own signs; the product is greatest if they share the signs evenly.
    """
    return ((signs + steps) / steps) ** steps


def _inputs(bindings: Mapping[str, object]) -> Iterator[object]:
    """Yield the values of parameters, outputs and loop variables, without the maps they stand in."""
    for variable, bound in bindings.items():
        if variable == "tasks" and isinstance(bound, dict):
            for task in bound.values():
                yield from task["outputs"].values()
        elif variable == "params" and isinstance(bound, dict):
            yield from bound.values()
        else:
            yield bound


def _lookup(bindings: Mapping[str, object], names: tuple[str, ...]) -> object:
    """Follow a path as far as it leads."""
    found: object = bindings
    for name in names:
        if not isinstance(found, dict) or name not in found:
            break
        found = found[name]
    return found
