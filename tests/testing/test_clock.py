"""Time and chance in the hands of a test."""

import asyncio

import pytest

from perdure.testing.chance import ScriptedChance
from perdure.testing.clock import FakeClock


def test_time_stands_still_until_it_is_moved():
    clock = FakeClock(start=1_000)
    assert clock.now() == 1_000
    clock.advance(0.5)
    assert clock.now() == 501_000


def test_calls_are_made_in_the_order_of_their_instants():
    clock = FakeClock(start=0)
    made = []
    clock.call_at(2_000_000, lambda: made.append(("late", clock.now())))
    clock.call_at(1_000_000, lambda: made.append(("early", clock.now())))
    clock.call_at(1_000_000, lambda: made.append(("early too", clock.now())))
    clock.call_at(3_000_001, lambda: made.append(("not yet", clock.now())))
    clock.advance(3)
    assert made == [("early", 1_000_000), ("early too", 1_000_000), ("late", 2_000_000)]
    assert clock.now() == 3_000_000


def test_a_call_that_asks_for_another_gets_it_in_the_same_stretch():
    clock = FakeClock(start=0)
    made = []

    def ask_again():
        clock.call_at(2_000_000, lambda: made.append(clock.now()))

    clock.call_at(1_000_000, ask_again)
    clock.advance(5)
    assert made == [2_000_000]


def test_a_call_that_was_given_up_is_not_made():
    clock = FakeClock(start=0)
    made = []
    call = clock.call_at(1_000_000, lambda: made.append("never"))
    call.cancel()
    clock.advance(2)
    assert made == []


async def test_a_call_that_is_due_already_is_made_soon_but_not_at_once():
    clock = FakeClock(start=1_000)
    made = []
    clock.call_at(1_000, lambda: made.append("soon"))
    assert made == []
    await asyncio.sleep(0)
    assert made == ["soon"]


def test_time_does_not_move_back():
    with pytest.raises(ValueError, match="does not move back"):
        FakeClock().advance(-1)


def test_jitter_is_as_written_and_then_nothing():
    chance = ScriptedChance([0.25, 0.5])
    assert [chance.jitter() for _ in range(3)] == [0.25, 0.5, 0.0]


def test_ids_rise_and_are_the_same_in_every_run():
    ids = [ScriptedChance().execution_id()]
    chance = ScriptedChance()
    ids += [chance.execution_id() for _ in range(20)]
    assert ids[0] == ids[1]
    assert ids[1:] == sorted(set(ids))


def test_a_jitter_that_chance_could_not_draw_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        ScriptedChance([1.0])
