"""Reads a filter in the syntax of AIP-160, by recursive descent.

    filter       = all
    all          = any { [ "AND" ] any }          blanks alone join like AND
    any          = term { "OR" term }             binds closer than AND, as AIP-160 has it
    term         = [ "NOT" | "-" ] ( "(" all ")" | comparison )
    comparison   = field comparator constant

Functions and constants without a field, which AIP-160 knows as well, are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from perdure.store.filter.comparisons import Place, compare
from perdure.store.filter.fields import EXECUTIONS, KEYED
from perdure.store.filter.filter import Filter
from perdure.store.filter.match import compile_condition
from perdure.store.filter.scanner import Scanner, refuse, shown
from perdure.store.filter.tree import And, Not, Or

if TYPE_CHECKING:
    from perdure.store.filter.fields import Vocabulary
    from perdure.store.filter.tree import Condition

MAX_CHARACTERS: Final = 4_096
"""Length of a filter."""

MAX_COMPARISONS: Final = 100
"""Comparisons in a filter."""

MAX_NESTING: Final = 32
"""Parentheses in parentheses in a filter."""

_KEYWORDS: Final = frozenset({"AND", "OR", "NOT"})
_COMPARATORS: Final = "=, !=, <, <=, >, >= or :"


def parse_filter(text: str) -> Filter | None:
    """Read a filter over executions.

    Returns:
        None for a text of nothing but blanks, which every execution matches.

    Raises:
        InvalidRequest: It is too long, not well formed or asks for what cannot be asked (`FILTER_INVALID`); the
            metadata `position` counts characters from 1, and the end of the text as one more.
    """
    condition = parse_condition(text, EXECUTIONS)
    return None if condition is None else Filter(condition, compile_condition(condition))


def parse_condition(text: str, vocabulary: Vocabulary) -> Condition | None:
    """Read what a filter over things of some sort says; None and errors as for `parse_filter`."""
    if len(text) > MAX_CHARACTERS:
        refuse(MAX_CHARACTERS, f"the filter has {len(text)} characters, the limit is {MAX_CHARACTERS}; shorten it")
    return _Parser(text, vocabulary).parse()


class _Parser:
    """Reads one filter."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._scanner = Scanner(text)
        self._vocabulary = vocabulary
        self._expected = f"a comparison is expected, such as {vocabulary.example}"
        self._comparisons = 0

    def parse(self) -> Condition | None:
        """Read all of it."""
        self._scanner.skip_blanks()
        if not self._scanner.peek():
            return None
        condition = self._all(0)
        if self._scanner.peek():
            refuse(self._scanner.offset, "found ) that closes nothing; leave it out, or open it before")
        return condition

    def _all(self, nesting: int) -> Condition:
        """Read up to the end or a closing parenthesis."""
        conditions = [self._any(nesting)]
        while self._scanner.peek() not in {"", ")"}:
            self._take_keyword("AND")
            conditions.append(self._any(nesting))
        if len(conditions) == 1:
            return conditions[0]
        parts = [part for each in conditions for part in (each.conditions if isinstance(each, And) else (each,))]
        return And(tuple(parts))

    def _any(self, nesting: int) -> Condition:
        """Read terms that are joined by OR, and the blanks behind."""
        conditions = [self._term(nesting)]
        while self._take_keyword("OR"):
            conditions.append(self._term(nesting))
        if len(conditions) == 1:
            return conditions[0]
        parts = [part for each in conditions for part in (each.conditions if isinstance(each, Or) else (each,))]
        return Or(tuple(parts))

    def _term(self, nesting: int) -> Condition:
        self._scanner.skip_blanks()
        negated = self._take_keyword("NOT") or self._scanner.take("-")
        grouped = self._scanner.peek() == "("
        condition = self._group(nesting + 1) if grouped else self._comparison()
        self._scanner.skip_blanks()
        return _negation(condition) if negated else condition

    def _group(self, nesting: int) -> Condition:
        """Read what is in parentheses."""
        begin = self._scanner.offset
        if nesting > MAX_NESTING:
            refuse(begin, f"parentheses are nested deeper than {MAX_NESTING} levels; write the filter flatter")
        self._scanner.take("(")
        condition = self._all(nesting)
        if not self._scanner.take(")"):
            refuse(begin, "the ( that opens here is never closed; end it with )")
        return condition

    def _comparison(self) -> Condition:
        begin = self._scanner.offset
        if self._comparisons == MAX_COMPARISONS:
            refuse(begin, f"more than {MAX_COMPARISONS} comparisons; ask for less at once")
        self._comparisons += 1
        place = self._place(begin)
        self._scanner.skip_blanks()
        at = self._scanner.offset
        comparator = self._scanner.take_comparator()
        if not comparator:
            self._refuse_without_comparator(place)
        self._scanner.skip_blanks()
        if self._scanner.peek_name() in _KEYWORDS:
            refuse(self._scanner.offset, f"{self._scanner.found()}, which is a keyword; quote it to compare with it")
        constant = self._scanner.take_constant()
        if constant is None:
            refuse(
                self._scanner.offset,
                f"{self._scanner.found()}, but {place.name} has to be compared with a constant behind {comparator};"
                " quote a text that has such characters, and repeat the field to compare it with several constants",
            )
        self._end_of_constant()
        return compare(place, comparator, at, constant)

    def _place(self, begin: int) -> Place:
        """Read a field, with the key of a label or a parameter."""
        name = self._scanner.take_name()
        if not name or name in _KEYWORDS:
            self._scanner.offset = begin
            refuse(begin, f"{self._scanner.found()}, but {self._expected}")
        if name == "error" and self._scanner.take("."):
            name = f"error.{self._scanner.take_name()}"
        field = self._vocabulary.fields.get(name)
        if field is None:
            self._refuse_name(begin, name)
        kind = self._vocabulary.kinds.get(field)
        if not self._scanner.take("."):
            return Place(begin, field, kind)
        if field not in KEYED:
            refuse(self._scanner.offset - 1, f"{field.value} has no fields of its own; compare {field.value} itself")
        key = self._scanner.take_key()
        if not key:
            refuse(self._scanner.offset, f'{self._scanner.found()}, but a key is expected, such as {field.value}."KEY"')
        if self._scanner.peek() in {".", "/"}:
            allowed = "letters, digits, _ and -"
            refuse(self._scanner.offset, f'a key of more than {allowed} has to be quoted: {field.value}."KEY"')
        return Place(begin, field, kind, key)

    def _refuse_name(self, begin: int, name: str) -> NoReturn:
        """Refuse a name that is not of a field, by what was probably meant."""
        if name.upper() in _KEYWORDS:
            refuse(begin, f"found {name}; keywords are upper case: {name.upper()}")
        while self._scanner.take("."):
            name = f"{name}.{self._scanner.take_name()}"
        if self._scanner.peek() == "(":
            refuse(begin, f"found the function {shown(name)}; there are no functions, {self._expected}")
        self._scanner.skip_blanks()
        if self._scanner.take_comparator():
            refuse(begin, f"there is no field {shown(name)}; the fields are {self._vocabulary.listing}")
        refuse(begin, f"found {shown(name)}, which is not compared with anything; {self._expected}")

    def _refuse_without_comparator(self, place: Place) -> NoReturn:
        refuse(
            self._scanner.offset,
            f"{self._scanner.found()}, but behind {place.name} one of {_COMPARATORS} is expected",
        )

    def _end_of_constant(self) -> None:
        """Check that a constant is followed by a blank, a closing parenthesis or the end."""
        following = self._scanner.peek()
        if following == "(":
            refuse(self._scanner.offset, "found ( behind a constant; there are no functions, and a blank goes before (")
        if following not in {"", " ", "\t", "\r", "\n", ")"}:
            refuse(
                self._scanner.offset,
                f"{self._scanner.found()} right behind a constant; quote a constant that contains it, or put a blank"
                " between two comparisons",
            )

    def _take_keyword(self, keyword: str) -> bool:
        """Go behind a keyword and the blanks after it, if it comes next."""
        if self._scanner.peek_name() != keyword:
            return False
        self._scanner.take(keyword)
        self._scanner.skip_blanks()
        return True


def _negation(condition: Condition) -> Condition:
    """Negate a condition; what was negated already is as it was."""
    return condition.condition if isinstance(condition, Not) else Not(condition)
