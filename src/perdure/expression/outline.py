"""What an expression reads and how it may work, told from its tokens.

A *path* is a variable and the names written out behind it: `tasks["a"].outputs.b` is the path
`tasks`, `a`, `outputs`, `b`. A path ends where a name is computed or a method is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.domain.expression import FAILURE_VARIABLES, ITEM_VARIABLES, References, TaskReference
from perdure.expression.lexer import Token, tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLES: Final = FAILURE_VARIABLES | ITEM_VARIABLES

_LOOPS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
# These two build a list, and the library copies what is built so far for each element.
_BUILDING_LOOPS: Final = frozenset({"map", "filter"})
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Path:
    """One mention of a variable.

    Attributes:
        names: The variable, then the names behind it.
        offset: Where the variable stands, in characters from 0.
        repeated: Whether it stands inside a loop, and is read once for each element.
    """

    names: tuple[str, ...]
    offset: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """All that is known of an expression without its syntax tree.

    Attributes:
        paths: Every mention of a variable.
        plain: The path, if the expression is nothing else.
        loops: Loops (`map`, `all`, ...), nested or one after the other.
        depth: Most loops inside each other.
        builds_lists: Whether one of the loops is `map` or `filter`.
        additions: Plus signs; each can join strings or lists.
        outer_additions: Those that stand in no loop's body.
        separators: Commas that are not a loop's own; each can repeat an element in a list or map.
        longest_literal: Characters of the longest string written out.
    """

    paths: tuple[Path, ...]
    plain: tuple[str, ...] | None
    loops: int
    depth: int
    builds_lists: bool
    additions: int
    outer_additions: int
    separators: int
    longest_literal: int


def outline(expression: str) -> Outline:
    """Read an expression that has compiled."""
    stream = tuple(tokens(expression))
    loop_names = [token.text for position, token in enumerate(stream) if _begins_loop(stream, position)]
    enclosing = _enclosing_loops(stream)
    paths, plain = _paths(stream, enclosing)
    return Outline(
        paths=paths,
        plain=plain,
        loops=len(loop_names),
        depth=max(enclosing, default=0),
        builds_lists=not _BUILDING_LOOPS.isdisjoint(loop_names),
        additions=sum(token.text == "+" for token in stream),
        outer_additions=sum(token.text == "+" and not loops for token, loops in zip(stream, enclosing, strict=True)),
        separators=max(0, sum(token.text == "," for token in stream) - len(loop_names)),
        longest_literal=max((len(token.text) for token in stream if token.kind == "string"), default=0),
    )


def references(paths: Sequence[Path]) -> References:
    """Collect what the paths mention, in the words of the domain."""
    parameters: set[str] = set()
    tasks: set[TaskReference] = set()
    all_parameters = all_tasks = False
    for path in paths:
        variable, *names = path.names
        if variable == "params":
            parameters.update(names[:1])
            all_parameters |= not names
        elif variable == "tasks":
            all_tasks |= not names
            if names:
                whole = len(names) < 3 or names[1] != "outputs"
                tasks.add(TaskReference(names[0], None if whole else names[2]))
    variables = frozenset(path.names[0] for path in paths)
    return References(frozenset(parameters), frozenset(tasks), variables, all_parameters, all_tasks)


def _begins_loop(stream: Sequence[Token], position: int) -> bool:
    return (
        stream[position].text in _LOOPS
        and stream[position].kind == "name"
        and _text(stream, position - 1) == "."
        and _text(stream, position + 1) == "("
    )


def _enclosing_loops(stream: Sequence[Token]) -> list[int]:
    """Count for each token the loops in whose body it stands."""
    brackets: list[bool] = []  # of each open bracket: does it enclose the body of a loop
    counts: list[int] = []
    for position, token in enumerate(stream):
        if token.text in _OPENING:
            brackets.append(position > 0 and _begins_loop(stream, position - 1))
        elif token.text in _CLOSING and brackets:
            brackets.pop()
        counts.append(sum(brackets))
    return counts


def _paths(stream: Sequence[Token], enclosing: Sequence[int]) -> tuple[tuple[Path, ...], tuple[str, ...] | None]:
    found: list[Path] = []
    plain: tuple[str, ...] | None = None
    for position, token in enumerate(stream):
        if token.kind == "name" and token.text in VARIABLES and not _is_selected(stream, position):
            names, end = _follow(stream, position)
            found.append(Path(names, token.offset, repeated=enclosing[position] > 0))
            if position == 0 and end == len(stream):
                plain = names
    return tuple(found), plain


def _is_selected(stream: Sequence[Token], position: int) -> bool:
    """Tell the field `x.params` from the variable `params`, which may be written `.params` too."""
    before = _token(stream, position - 2)
    if before is None or _text(stream, position - 1) != ".":
        return False
    return before.text in _CLOSING or (before.kind in {"name", "quoted", "string"} and before.text != "in")


def _follow(stream: Sequence[Token], position: int) -> tuple[tuple[str, ...], int]:
    """Collect the names written out behind a variable, and say which token comes next."""
    names = [stream[position].text]
    after = position + 1
    while True:
        opening, inner = _text(stream, after), _token(stream, after + 1)
        if opening == "." and inner is not None and inner.kind == "name" and _text(stream, after + 2) != "(":
            names.append(inner.text)
            after += 2
        elif opening == "[" and inner is not None and inner.literal is not None and _text(stream, after + 2) == "]":
            names.append(inner.literal)
            after += 3
        else:
            return tuple(names), after


def _token(stream: Sequence[Token], position: int) -> Token | None:
    return stream[position] if 0 <= position < len(stream) else None


def _text(stream: Sequence[Token], position: int) -> str:
    token = _token(stream, position)
    # A string can spell a symbol; only its quotes tell them apart, so it never equals one here.
    return token.text if token is not None else ""
