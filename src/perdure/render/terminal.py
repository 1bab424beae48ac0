"""A picture as lines of text: one task a line, with lanes for the ways between them.

The lanes are those of a version history: a lane belongs to the task that it leads to, and ends there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.render.palette import look_of
from perdure.render.picture import Line, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.render.picture import Arrow, Node, Picture

_LANES_MAX: Final = 24
"""Beyond so many lanes nobody can follow them; each line then names the tasks before it instead."""
_NAMES_MAX: Final = 8


def print_terminal(picture: Picture) -> str:
    """Write the lines, without colours."""
    group_of = {key: group.title for group in picture.groups for key in group.nodes}
    ways = [arrow for arrow in picture.arrows if arrow.line is not Line.CATCH]
    drawn = _with_lanes(picture, ways)
    before = {} if drawn is not None else _names_before(ways)
    drawn = drawn if drawn is not None else [(_mark(node), node) for node in _in_groups(picture)]
    width = max((len(lanes) for lanes, _ in drawn), default=0)
    titles = max((len(node.title) for node in picture.nodes), default=0)
    labels: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        if arrow.label:
            labels.setdefault(arrow.source, []).append(arrow)
    lines = [picture.title, ""]
    group = ""
    for lanes, node in drawn:
        if node is not None and group_of.get(node.key, "") != group:
            group = group_of.get(node.key, "")
            lines += ["", f"{group}:"] if group else [""]
        text = _text(node, titles, labels.get(node.key, [])) if node is not None else ""
        lines.append(f"{lanes.ljust(width)}  {text}".rstrip())
        if node is not None and node.key in before:
            lines.append(f"    after {before[node.key]}")
    return "\n".join(lines) + "\n"


def _in_groups(picture: Picture) -> list[Node]:
    """List the main graph first, then group by group."""
    rank = {key: number + 1 for number, group in enumerate(picture.groups) for key in group.nodes}
    return sorted(picture.nodes, key=lambda node: rank.get(node.key, 0))


def _with_lanes(picture: Picture, ways: list[Arrow]) -> list[tuple[str, Node | None]] | None:
    """Draw line by line; None if that takes too many lanes."""
    drawn = []
    for line in _lines(picture, ways):
        if len(line[0]) >= 2 * _LANES_MAX:
            return None
        drawn.append(line)
    return drawn


def _lines(picture: Picture, ways: list[Arrow]) -> Iterator[tuple[str, Node | None]]:
    outgoing: dict[str, list[str]] = {}
    for arrow in ways:
        outgoing.setdefault(arrow.source, []).append(arrow.target)
    lanes: list[str] = []
    for node in _in_groups(picture):
        ends = [at for at, target in enumerate(lanes) if target == node.key]
        if len(ends) > 1:
            yield _joined(lanes, ends, "┴", "╯"), None
        at = ends[0] if ends else len(lanes)
        for end in ends[1:]:
            lanes[end] = ""
        lanes[at : at + 1] = [node.key]
        yield _row(lanes, {at: _mark(node)}), node
        targets = outgoing.get(node.key, [])
        used = [at, *_free(lanes, at, len(targets) - 1)] if targets else []
        lanes[at] = ""
        for lane, target in zip(used, targets, strict=True):
            lanes[lane] = target
        if len(targets) > 1:
            yield _joined(lanes, used, "┬", "╮"), None
        while lanes and not lanes[-1]:
            lanes.pop()


def _free(lanes: list[str], at: int, count: int) -> list[int]:
    """Find lanes to the right of one that nothing uses, or make them."""
    found = [lane for lane in range(at + 1, len(lanes)) if not lanes[lane]][: max(count, 0)]
    while len(found) < count:
        found.append(len(lanes))
        lanes.append("")
    return found


def _mark(node: Node) -> str:
    return "◉" if node.shape is Shape.START else look_of(node).sign if node.state is not None else "●"


def _row(lanes: list[str], marks: dict[int, str]) -> str:
    return " ".join(marks.get(lane, "│" if target else " ") for lane, target in enumerate(lanes))


def _joined(lanes: list[str], ends: list[int], middle: str, last: str) -> str:
    """Draw how lanes come together in the first of them, or part from it."""
    text = ""
    for lane, target in enumerate(lanes):
        within = ends[0] < lane <= ends[-1]
        if lane:
            text += "─" if within else " "
        if lane == ends[0]:
            text += "├"
        elif lane == ends[-1]:
            text += last
        elif lane in ends:
            text += middle
        elif within:
            text += "┼" if target else "─"
        else:
            text += "│" if target else " "
    return text


def _names_before(ways: list[Arrow]) -> dict[str, str]:
    """Name the tasks before each task, the first of many."""
    sources: dict[str, list[str]] = {}
    for arrow in ways:
        sources.setdefault(arrow.target, []).append(arrow.source)
    return {
        target: ", ".join(names[:_NAMES_MAX]) + (f" and {len(names) - _NAMES_MAX} more" if names[_NAMES_MAX:] else "")
        for target, names in sources.items()
    }


def _text(node: Node, width: int, labelled: list[Arrow]) -> str:
    state = look_of(node).word
    undo = f"undo: {node.undo}" if node.undo else ""
    conditions = "; ".join(
        f"to {arrow.target} if {arrow.label}" if arrow.line is Line.NEXT else f"on failure: {arrow.target}"
        for arrow in labelled
    )
    parts = [node.subtitle, state, node.note, undo, conditions]
    return f"{node.title.ljust(width)}  {'  '.join(part for part in parts if part)}".rstrip()
