"""The tokens of a CEL expression that has compiled.

The library does not hand out its syntax tree, so what an expression mentions is read from its tokens. The
text is known to be valid CEL, and a reader of the tokens errs towards more: it may take a name for mentioned
that is not read, never the reverse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(
    r"""
      (?P<blank>   \s+ | //[^\n]* )
    | (?P<string>  (?: [bB]?[rR] | [rR][bB] ) (?: \"{3} [\s\S]*? \"{3} | '{3} [\s\S]*? '{3} | \"[^\"\n]*\" | '[^'\n]*' )
                 | [bB]? (?: \"{3} (?: \\[\s\S] | [^\\] )*? \"{3} | '{3} (?: \\[\s\S] | [^\\] )*? '{3}
                           | \"(?: \\. | [^\"\\\n] )*\" | '(?: \\. | [^'\\\n] )*' ) )
    | (?P<number>  0[xX][0-9a-fA-F]+[uU]? | (?: \d+(?:\.\d+)? | \.\d+ ) (?: [eE][+-]?\d+ )? [uU]? )
    | (?P<name>    [A-Za-z_][A-Za-z0-9_]* )
    | (?P<quoted>  `[^`\n]*` )
    | (?P<symbol>  [\s\S] )
    """,
    re.VERBOSE,
)
_PLAIN_STRING: Final = re.compile(r"""(["'])([^"'\\]*)\1""")


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: `string`, `number`, `name`, `quoted` (a field name in backquotes) or `symbol` (one character).
        offset: Where it begins, in characters from 0.
    """

    kind: str
    text: str
    offset: int

    @property
    def literal(self) -> str | None:
        """The content of a string written without escapes or prefix; None for any other token."""
        plain = _PLAIN_STRING.fullmatch(self.text) if self.kind == "string" else None
        return plain[2] if plain else None


def tokens(expression: str) -> Iterator[Token]:
    """Yield the tokens, without white space and comments."""
    for match in _TOKEN.finditer(expression):
        kind = match.lastgroup
        assert kind is not None
        if kind != "blank":
            yield Token(kind, match[0], match.start())
