"""Every feature is either proved by a test or said not to be there, with the reason."""

from scripts.features_page import proofs
from tests.features.rows import GROUPS, NOT_YET, ROWS


def test_all_rows_are_in_a_group():
    assert sorted(row for rows in GROUPS.values() for row in rows) == sorted(ROWS) == list(range(1, 83))


def test_a_row_is_proved_or_it_is_said_why_not():
    assert sorted({*proofs(), *NOT_YET}) == sorted(ROWS)
    assert set(proofs()) & set(NOT_YET) == set()
