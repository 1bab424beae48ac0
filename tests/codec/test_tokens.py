"""Tokens open as what was sealed, and as nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.codec.tokens import TOKEN_MAX_CHARACTERS, Cursor, InvalidToken, Lease, Page, Purpose, TokenCodec

OLD = b"old key, 32 bytes of it, indeed!"
NEW = b"new key, 32 bytes of it, indeed!"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

codec = TokenCodec({1: OLD})
purposes = st.sampled_from(Purpose)
revisions = st.integers(0, (1 << 63) - 1)
attempts = st.integers(0, (1 << 31) - 1)


@given(purposes, st.binary(max_size=300))
def test_opening_a_token_gives_back_its_payload(purpose: Purpose, payload: bytes):
    token = codec.seal(purpose, payload)
    assert codec.open(purpose, token) == payload
    assert set(token) <= set(ALPHABET)


@pytest.mark.parametrize("length", range(6))
def test_a_change_of_any_bit_of_any_character_is_refused(length: int):
    token = codec.seal(Purpose.PAGE, b"x" * length)
    for position, character in enumerate(token):
        for bit in range(6):
            other = ALPHABET[ALPHABET.index(character) ^ (1 << bit)]
            with pytest.raises(InvalidToken):
                codec.open(Purpose.PAGE, token[:position] + other + token[position + 1 :])


@given(st.text(max_size=80))
def test_a_text_that_was_never_sealed_is_refused(text: str):
    with pytest.raises(InvalidToken):
        codec.open(Purpose.PAGE, text)


@pytest.mark.parametrize("addition", ["A", "=", "==", "\n", " ", "!", "é"])
def test_an_addition_is_refused(addition: str):
    token = codec.seal(Purpose.LEASE, b"payload")
    for changed in (token + addition, addition + token, token[:9] + addition + token[9:]):
        with pytest.raises(InvalidToken):
            codec.open(Purpose.LEASE, changed)


@given(st.integers(0, 60))
def test_a_token_that_was_cut_off_is_refused(kept: int):
    token = codec.seal(Purpose.CURSOR, b"payload" * 5)
    with pytest.raises(InvalidToken):
        codec.open(Purpose.CURSOR, token[:kept])


@pytest.mark.parametrize(
    ("purpose", "reason"),
    [(Purpose.PAGE, "PAGE_TOKEN_INVALID"), (Purpose.CURSOR, "CURSOR_INVALID"), (Purpose.LEASE, "LEASE_LOST")],
)
def test_a_token_for_another_purpose_is_refused_with_the_reason_of_the_one_asked_for(purpose: Purpose, reason: str):
    for other in set(Purpose) - {purpose}:
        with pytest.raises(InvalidToken) as caught:
            codec.open(purpose, codec.seal(other, b"payload"))
        assert caught.value.reason_name == reason


def test_an_overlong_token_is_refused_even_if_it_is_authentic():
    token = codec.seal(Purpose.PAGE, bytes(TOKEN_MAX_CHARACTERS))
    with pytest.raises(InvalidToken):
        codec.open(Purpose.PAGE, token)


def test_tokens_of_the_old_key_open_while_it_overlaps_with_the_new_one():
    token = codec.seal(Purpose.CURSOR, b"payload")
    both = TokenCodec({1: OLD, 2: NEW})
    assert both.open(Purpose.CURSOR, token) == b"payload"


def test_the_newest_key_signs():
    token = TokenCodec({2: NEW, 1: OLD}).seal(Purpose.CURSOR, b"payload")
    assert TokenCodec({2: NEW}).open(Purpose.CURSOR, token) == b"payload"
    with pytest.raises(InvalidToken):
        codec.open(Purpose.CURSOR, token)


def test_tokens_of_a_key_that_was_dropped_are_refused():
    with pytest.raises(InvalidToken):
        TokenCodec({2: NEW}).open(Purpose.CURSOR, codec.seal(Purpose.CURSOR, b"payload"))


def test_the_key_id_is_part_of_what_is_signed():
    with pytest.raises(InvalidToken):
        TokenCodec({2: OLD}).open(Purpose.CURSOR, codec.seal(Purpose.CURSOR, b"payload"))


@pytest.mark.parametrize("keys", [{}, {-1: OLD}, {1 << 16: OLD}])
def test_a_codec_needs_keys_with_ids_that_fit(keys: dict[int, bytes]):
    with pytest.raises(ValueError, match="at least one key"):
        TokenCodec(keys)


@given(st.builds(Page, st.binary(max_size=32), st.lists(st.text(max_size=60), max_size=3).map(tuple), revisions))
def test_a_page_token_opens_as_it_was(page: Page):
    assert codec.open_page(codec.seal_page(page)) == page


@given(
    st.builds(
        Cursor, st.text(max_size=36), st.text(max_size=63), st.binary(max_size=32), revisions, attempts, st.booleans()
    )
)
def test_a_cursor_opens_as_it_was(cursor: Cursor):
    assert codec.open_cursor(codec.seal_cursor(cursor)) == cursor


@given(
    st.builds(Lease, st.text(max_size=63), st.text(max_size=63), st.text(max_size=63), attempts, attempts, revisions)
)
def test_a_lease_opens_as_it_was(lease: Lease):
    assert codec.open_lease(codec.seal_lease(lease)) == lease


def test_a_sealed_payload_that_is_no_message_is_refused():
    with pytest.raises(InvalidToken):
        codec.open_cursor(codec.seal(Purpose.CURSOR, b"\xff\xff"))
