"""Delays grow, vary, and begin again after progress."""

from perdure.client.backoff import FIRST_SECONDS, LONGEST_SECONDS, Backoff


def test_delays_double_up_to_the_longest():
    backoff = Backoff(lambda: 1.0)
    delays = [backoff.delay() for _ in range(10)]
    assert delays[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert max(delays) == delays[-1] == LONGEST_SECONDS


def test_jitter_takes_away_half_at_most():
    assert Backoff(lambda: 0.0).delay() == FIRST_SECONDS / 2


def test_what_the_server_asks_for_is_waited_at_least():
    assert Backoff(lambda: 0.0).delay(3.0) == 3.0 + FIRST_SECONDS / 2


def test_progress_begins_again():
    backoff = Backoff(lambda: 1.0)
    backoff.delay()
    backoff.reset()
    assert backoff.delay() == FIRST_SECONDS
