"""A picture as a Mermaid flowchart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.render.palette import LOOKS, look_of
from perdure.render.picture import Line, Shape

if TYPE_CHECKING:
    from perdure.render.picture import Arrow, Node, Picture

_SHAPES: Final = {Shape.START: ('(["', '"])'), Shape.TASK: ('["', '"]'), Shape.BUILT_IN: ('[["', '"]]')}


def print_mermaid(picture: Picture) -> str:
    """Write the lines of a flowchart, from top to bottom."""
    ids = {node.key: f"n{number}" for number, node in enumerate(picture.nodes)}
    grouped = {key for group in picture.groups for key in group.nodes}
    nodes = {node.key: node for node in picture.nodes}
    lines = ["---", f'title: "{_escape(picture.title)}"', "---", "flowchart TD"]
    lines += [f"  {_box(node, ids)}" for node in picture.nodes if node.key not in grouped]
    for number, group in enumerate(picture.groups):
        lines.append(f'  subgraph g{number}["{_escape(group.title)}"]')
        lines += [f"    {_box(nodes[key], ids)}" for key in group.nodes if key in nodes]
        lines.append("  end")
    lines += [f"  {_arrow(arrow, ids)}" for arrow in picture.arrows]
    shown = {node.state for node in picture.nodes}
    for state, look in LOOKS.items():
        if state in shown:
            lines.append(f"  classDef {state.name.lower()} fill:{look.fill},stroke:{look.stroke}")
    return "\n".join(lines) + "\n"


def _box(node: Node, ids: dict[str, str]) -> str:
    left, right = _SHAPES[node.shape]
    small = [node.subtitle, node.note, f"undo: {node.undo}" if node.undo else ""]
    text = "<br/>".join(_escape(part) for part in (f"{_sign(node)}{node.title}", *small) if part)
    style = f":::{node.state.name.lower()}" if node.state is not None else ""
    return f"{ids[node.key]}{left}{text}{right}{style}"


def _sign(node: Node) -> str:
    return "" if node.state is None else f"{look_of(node).sign} "


def _arrow(arrow: Arrow, ids: dict[str, str]) -> str:
    dashed = arrow.line is not Line.NEXT or arrow.taken is False
    shaft = "==>" if arrow.taken else "-.->" if dashed else "-->"
    label = f'|"{_escape(arrow.label)}"|' if arrow.label else ""
    return f"{ids[arrow.source]} {shaft}{label} {ids[arrow.target]}"


def _escape(text: str) -> str:
    """Write text so that neither Mermaid nor the page around it reads anything into it."""
    special = {"&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "#": "#35;", ";": "#59;", "\n": " "}
    return "".join(special.get(character, character) for character in text)
