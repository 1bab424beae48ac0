"""A picture as an SVG image that needs nothing else: no script, no font, no other file."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from perdure.render.layout import lay_out
from perdure.render.palette import look_of
from perdure.render.picture import Line, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.render.layout import Layout, Place
    from perdure.render.picture import Arrow, Group, Node, Picture

_LETTER: Final = 7.4
_SMALL_LETTER: Final = 6.2
_LINE: Final = 15
_PADDING: Final = 12
_GAP: Final = (28.0, 46.0)
_MARGIN: Final = 24
_TITLE: Final = 34
_TEXT_MAX: Final = 40

_STYLE: Final = (
    "text{font-family:ui-sans-serif,system-ui,sans-serif;fill:#111827}"
    ".t{font-size:13px;font-weight:600;text-anchor:middle}"
    ".s{font-size:11px;fill:#4b5563;text-anchor:middle}"
    ".f{font-size:11px;fill:#4b5563}"
    ".h{font-size:15px;font-weight:600}"
    ".l{font-size:10px;fill:#4b5563;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:4px}"
    ".a{fill:none;stroke:#6b7280;stroke-width:1.4}.y{stroke-width:2.6;stroke:#111827}.d{stroke-dasharray:5 4}"
    ".n{stroke:#d1d5db}.g{fill:none;stroke:#9ca3af;stroke-dasharray:6 4}"
)


def print_svg(picture: Picture) -> str:
    """Draw the boxes and arrows, with a description for those who cannot see them."""
    texts = {node.key: _texts(node) for node in picture.nodes}
    sizes = {key: _size(lines) for key, lines in texts.items()}
    layout = lay_out(picture, sizes, _GAP)
    width = max(layout.width, len(picture.title) * _LETTER * 1.2) + 2 * _MARGIN
    height = layout.height + 2 * _MARGIN + _TITLE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">',
        f"<title>{escape(picture.title)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="p" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#4b5563"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        f'<text class="h" x="{_MARGIN}" y="{_MARGIN + 4}">{escape(picture.title)}</text>',
        f'<g transform="translate({_MARGIN} {_MARGIN + _TITLE})">',
    ]
    parts += [line for group in picture.groups for line in _frame(group, layout)]
    parts += [_arrow(arrow, layout, route) for arrow, route in zip(picture.arrows, layout.routes, strict=True)]
    parts += [line for node in picture.nodes for line in _box(node, layout.places[node.key], texts[node.key])]
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def _texts(node: Node) -> list[str]:
    sign = f"{look_of(node).sign} " if node.state is not None else ""
    small = (node.subtitle, node.note, f"↶ {node.undo}" if node.undo else "")
    return [_cut(sign + node.title), *(_cut(text) for text in small if text)]


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"


def _size(lines: list[str]) -> tuple[float, float]:
    letters = [len(lines[0]) * _LETTER, *(len(line) * _SMALL_LETTER for line in lines[1:])]
    return max(max(letters) + 2 * _PADDING, 70), len(lines) * _LINE + _PADDING


def _box(node: Node, place: Place, lines: list[str]) -> Iterator[str]:
    look = look_of(node)
    left, top = place.x - place.width / 2, place.y - place.height / 2
    radius = place.height / 2 if node.shape is Shape.START else 6
    state = f" ({node.state.name})" if node.state is not None else ""
    yield f"<g><title>{escape(node.key + state)}</title>"
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="{radius:.0f}" '
        f'fill="{look.fill}" stroke="{look.stroke}" stroke-width="{2.5 if node.shape is Shape.BUILT_IN else 1.5}"/>'
    )
    for number, line in enumerate(lines):
        y = top + _PADDING / 2 + (number + 0.75) * _LINE
        yield f'<text class="{"s" if number else "t"}" x="{place.x:.1f}" y="{y:.1f}">{escape(line)}</text>'
    yield "</g>"


def _arrow(arrow: Arrow, layout: Layout, bends: list[Place]) -> str:
    source, target = layout.places[arrow.source], layout.places[arrow.target]
    points = [
        (source.x, source.y + source.height / 2),
        *((bend.x, bend.y) for bend in bends),
        (target.x, target.y - target.height / 2),
    ]
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        half = (y1 + y2) / 2
        path += f"C{x1:.1f} {half:.1f} {x2:.1f} {half:.1f} {x2:.1f} {y2:.1f}"
    dashed = " d" if arrow.line is not Line.NEXT else ""
    taken = " y" if arrow.taken else " n" if arrow.taken is False else ""
    drawn = f'<path class="a{dashed}{taken}" d="{path}" marker-end="url(#p)"/>'
    if not arrow.label:
        return drawn
    middle = len(points) // 2
    (x1, y1), (x2, y2) = points[middle - 1], points[middle]
    return (
        f"<g><title>{escape(arrow.label)}</title>{drawn}"
        f'<text class="l" x="{(x1 + x2) / 2:.1f}" y="{(y1 + y2) / 2:.1f}">{escape(_cut(arrow.label))}</text></g>'
    )


def _frame(group: Group, layout: Layout) -> Iterator[str]:
    places = [layout.places[key] for key in group.nodes if key in layout.places]
    if not places:
        return
    left = min(place.x - place.width / 2 for place in places) - 8
    top = min(place.y - place.height / 2 for place in places) - 18
    right = max(place.x + place.width / 2 for place in places) + 8
    bottom = max(place.y + place.height / 2 for place in places) + 8
    width, height = right - left, bottom - top
    yield f'<rect class="g" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8"/>'
    yield f'<text class="f" x="{left + 4:.1f}" y="{top + 12:.1f}">{escape(group.title)}</text>'
