"""A picture as a DOT graph of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.render.palette import look_of
from perdure.render.picture import Line, Shape

if TYPE_CHECKING:
    from perdure.render.picture import Arrow, Node, Picture

_SHAPES: Final = {Shape.START: "oval", Shape.TASK: "box", Shape.BUILT_IN: "component"}


def print_dot(picture: Picture) -> str:
    """Write a directed graph, from top to bottom."""
    ids = {node.key: f"n{number}" for number, node in enumerate(picture.nodes)}
    grouped = {key for group in picture.groups for key in group.nodes}
    nodes = {node.key: node for node in picture.nodes}
    lines = [
        "digraph perdure {",
        f"  label={_quote(picture.title)}; labelloc=t; rankdir=TB;",
        '  node [fontname="sans-serif", style=filled]; edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += [f"  {_box(node, ids)}" for node in picture.nodes if node.key not in grouped]
    for number, group in enumerate(picture.groups):
        lines.append(f"  subgraph cluster_{number} {{ label={_quote(group.title)}; style=dashed;")
        lines += [f"    {_box(nodes[key], ids)}" for key in group.nodes if key in nodes]
        lines.append("  }")
    lines += [f"  {_arrow(arrow, ids)}" for arrow in picture.arrows]
    return "\n".join([*lines, "}"]) + "\n"


def _box(node: Node, ids: dict[str, str]) -> str:
    look = look_of(node)
    sign = f"{look.sign} " if node.state is not None else ""
    small = [node.subtitle, node.note, f"undo: {node.undo}" if node.undo else ""]
    text = "\n".join(part for part in (f"{sign}{node.title}", *small) if part)
    shape = _SHAPES[node.shape]
    return f'{ids[node.key]} [shape={shape}, label={_quote(text)}, fillcolor="{look.fill}", color="{look.stroke}"];'


def _arrow(arrow: Arrow, ids: dict[str, str]) -> str:
    dashed = arrow.line is not Line.NEXT or arrow.taken is False
    style = "bold" if arrow.taken else "dashed" if dashed else "solid"
    label = f", label={_quote(arrow.label)}" if arrow.label else ""
    return f"{ids[arrow.source]} -> {ids[arrow.target]} [style={style}{label}];"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
