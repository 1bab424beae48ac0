"""What docs/filters.md shows are filters, and it names every field."""

from perdure.store.filter.fields import KEYED, NAMES, SUSPENSION_NAMES
from perdure.store.filter.parse import MAX_CHARACTERS, MAX_COMPARISONS, MAX_NESTING, parse_filter
from perdure.store.filter.tree import Field, SuspensionField
from tests.docs.documents import PROJECT, blocks

FILTERS = PROJECT / "docs" / "filters.md"


def test_every_line_of_the_examples_is_a_filter():
    lines = [line for _, text in blocks(FILTERS, "text") for line in text.splitlines()]
    assert len(lines) > 10
    assert None not in [parse_filter(line) for line in lines]


def test_the_two_that_are_said_to_be_the_same_are():
    block = next(text for _, text in blocks(FILTERS, "text") if "OR labels.team = blue" in text.splitlines()[0])
    first, second = block.splitlines()
    assert parse_filter(first) == parse_filter(second)


def test_every_field_and_every_name_of_a_value_is_on_the_page():
    text = FILTERS.read_text(encoding="utf-8")
    fields = {f"`{field.value}.KEY`" if field in KEYED else f"`{field.value}`" for field in (*Field, *SuspensionField)}
    names = {f"`{name}`" for field in (*NAMES.values(), *SUSPENSION_NAMES.values()) for name in field}
    assert {each for each in fields | names if each not in text} == set()


def test_the_limits_on_the_page_are_those_of_the_parser():
    told = f"{MAX_CHARACTERS:,} characters, {MAX_COMPARISONS} comparisons and {MAX_NESTING} levels"
    assert told in FILTERS.read_text(encoding="utf-8")
