"""Handlers that fail by a script."""

import inspect

import pytest

from perdure.testing.handlers import Scripted


class Busy(Exception):
    pass


async def test_fail_twice_then_succeed():
    flaky = Scripted(Busy(), Busy())

    @flaky
    async def reserve(sku: str) -> int:
        return len(sku)

    for _ in range(2):
        with pytest.raises(Busy):
            await reserve("abc")
    assert await reserve("abc") == 3
    assert await reserve("abcd") == 4
    assert flaky.calls == 4


def test_a_plain_function_stays_one():
    @Scripted(None, Busy())
    def reserve(sku: str) -> int:
        """Reserves."""
        return len(sku)

    assert not inspect.iscoroutinefunction(reserve)
    assert reserve("abc") == 3
    with pytest.raises(Busy):
        reserve("abc")
    assert reserve("abc") == 3


def test_the_signature_is_kept():
    async def reserve(sku: str, count: int = 1) -> int:
        """Reserves."""
        return len(sku) * count

    wrapped = Scripted()(reserve)
    assert inspect.iscoroutinefunction(wrapped)
    assert inspect.signature(wrapped) == inspect.signature(reserve)
    assert wrapped.__doc__ == "Reserves."
