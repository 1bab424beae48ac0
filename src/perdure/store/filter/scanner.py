"""Reads the words of a filter: what can stand at a place is known by who parses it, so there is no list of tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from perdure.domain.errors import FieldViolation, InvalidRequest

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_COMPARATOR: Final = re.compile(r"<=|>=|!=|[=<>:]")
_BARE: Final = re.compile(r"""[^\s()"'=<>!,\\]+""")
_PLAIN: Final = {quote: re.compile(rf"[^\\*{quote}\x00\ud800-\udfff]*") for quote in "\"'"}
_ESCAPED: Final = "\\\"'*"
_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class Constant:
    """What a field is compared with, as it was written.

    Attributes:
        offset: Where it begins, in characters from 0.
        text: Without quotes and escapes, and without the `*` at its end.
        quoted: Whether it stood in quotes.
        prefix: Whether a `*` that was not escaped ends it.
        star: Where another `*` stands that was not escaped, in characters from 0.
    """

    offset: int
    text: str
    quoted: bool = False
    prefix: bool = False
    star: int | None = None

    @property
    def any_value(self) -> bool:
        """Whether it is a `*` alone, which asks for any value."""
        return self.prefix and not self.text and self.star is None


def refuse(offset: int, problem: str) -> NoReturn:
    """Refuse a filter.

    Args:
        offset: Where its fault is, in characters from 0; the caller is told the position from 1.
        problem: What was found, what is allowed and what to do.
    """
    problem = f"at character {offset + 1}: {problem}"
    raise InvalidRequest(
        f"the filter is wrong {problem}",
        FieldViolation("filter", problem),
        reason="FILTER_INVALID",
        position=str(offset + 1),
    )


def shown(text: str) -> str:
    """Repeat what a caller wrote, shortened and without control characters."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in short)


class Scanner:
    """A place in a filter.

    Attributes:
        offset: The place, in characters from 0.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.offset = 0

    def skip_blanks(self) -> None:
        """Go on to what is not blank."""
        self._take(_BLANKS)

    def peek(self) -> str:
        """Look at the character that comes next; empty at the end."""
        return self._text[self.offset : self.offset + 1]

    def take(self, symbol: str) -> bool:
        """Go behind a symbol if it comes next."""
        if not self._text.startswith(symbol, self.offset):
            return False
        self.offset += len(symbol)
        return True

    def peek_name(self) -> str:
        """Look at the name that comes next, of a field or a keyword; empty if there is none."""
        match = _NAME.match(self._text, self.offset)
        return match[0] if match else ""

    def take_name(self) -> str:
        """Read the name that comes next."""
        return self._take(_NAME)

    def take_comparator(self) -> str:
        """Read the comparator that comes next; empty if there is none."""
        return self._take(_COMPARATOR)

    def take_key(self) -> str:
        """Read the key of a label or a parameter, quoted or not; empty if there is none."""
        if self.peek() not in {'"', "'"}:
            return self._take(_KEY)
        key = self._quoted()
        if key.star is not None or key.prefix:
            refuse(key.offset, "a key is written out: '*' stands for itself only as \\*")
        return key.text

    def take_constant(self) -> Constant | None:
        """Read the constant that comes next; None if there is none."""
        return self._quoted() if self.peek() in {'"', "'"} else self._bare()

    def found(self) -> str:
        """Say what comes next, for people."""
        rest = self._text[self.offset :]
        if not rest:
            return "found the end"
        word = _BARE.match(rest)
        return f"found {shown(word[0] if word else rest[0])}"

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self.offset)
        if match is None:
            return ""
        self.offset = match.end()
        return match[0]

    def _bare(self) -> Constant | None:
        begin = self.offset
        text = self._take(_BARE)
        for place, character in enumerate(text, start=begin):
            if not character.isprintable():
                refuse(place, f"found the character U+{ord(character):04X}; quote the text around it")
        if not text:
            return None
        prefix = text.endswith("*")
        text = text.removesuffix("*")
        star = text.find("*")
        return Constant(begin, text, prefix=prefix, star=None if star < 0 else begin + star)

    def _quoted(self) -> Constant:
        begin = self.offset
        quote = self.peek()
        self.offset += 1
        parts: list[str] = []
        stars: list[int] = []
        while not self.take(quote):
            parts.append(self._take(_PLAIN[quote]))
            if self.peek() == "*":
                stars.append(self.offset)
                parts.append("*")
                self.offset += 1
            elif self.peek() == "\\":
                parts.append(self._escaped())
            elif self.peek() != quote:
                self._refuse_in_quotes(begin, quote)
        prefix = bool(stars) and stars[-1] == self.offset - 2
        if prefix:
            stars.pop()
        text = "".join(parts)
        return Constant(begin, text[:-1] if prefix else text, True, prefix, stars[0] if stars else None)

    def _escaped(self) -> str:
        """Read a backslash and what it makes an ordinary character."""
        character = self._text[self.offset + 1 : self.offset + 2]
        if not character or character not in _ESCAPED:
            refuse(self.offset, "a backslash in quotes stands before \", ', \\ or *; write \\\\ for a backslash")
        self.offset += 2
        return character

    def _refuse_in_quotes(self, begin: int, quote: str) -> NoReturn:
        if not self.peek():
            refuse(begin, f"the {quote} that begins here is never closed; end the text with {quote}")
        refuse(self.offset, f"found the character U+{ord(self.peek()):04X}, which no text contains; leave it out")
