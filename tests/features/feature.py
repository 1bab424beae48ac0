"""Declares which rows a test proves, and proves the test: with the rule disabled it has to fail.

A row counts as done when its test drives the public API of a real server, and fails without the rule.
`docs/features.md` is made of these declarations.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.features.rows import ROWS

SECONDS: Final = 20
"""How long a test may wait for what a disabled rule keeps from happening."""

Disable = Callable[[pytest.MonkeyPatch], None]
Test = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Feature:
    """A test that proves rows."""

    rows: tuple[int, ...]
    module: str
    name: str


FEATURES: Final[list[Feature]] = []


class StillPassed(Exception):
    """A test passed although the rule that it proves was disabled."""


def feature(*rows: int, without: Disable) -> Callable[[Test], Test]:
    """Declare that a test proves rows.

    Args:
        rows: Their numbers.
        without: Disables the rule in the process of the test; the server of the test is to be in it.
    """
    assert rows
    assert set(rows) <= set(ROWS)

    def declare(test: Test) -> Test:
        FEATURES.append(Feature(rows, test.__module__, test.__name__))

        @functools.wraps(test)
        async def proven(rule: str, monkeypatch: pytest.MonkeyPatch, **fixtures: object) -> None:
            if rule == "applies":
                await test(**fixtures)
                return
            without(monkeypatch)
            try:
                async with asyncio.timeout(SECONDS):
                    await test(**fixtures)
            # Whatever fails it: an assertion, also that of `pytest.raises`, a refusal, the wait for what never comes.
            except (Exception, pytest.fail.Exception):
                return
            raise StillPassed(f"{test.__name__} passes without the rule of rows {rows}")

        own = inspect.signature(test).parameters.values()
        added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("rule", "monkeypatch")]
        proven.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("rule", ["applies", "disabled"])(proven)

    return declare
