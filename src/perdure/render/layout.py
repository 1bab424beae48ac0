"""Where the boxes of a picture lie: layers from top to bottom, crossings few, boxes near what they belong to.

The method is the one of Sugiyama: layers by the longest way, long arrows cut by bends, orders improved by
barycentres in a bounded number of sweeps, positions by pulling each box towards its neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perdure.render.picture import Arrow, Picture

_SWEEPS: Final = 6
_BENDS_MAX: Final = 20_000
"""Beyond so many bends long arrows go straight: a picture of that size is not looked at closely anyway."""


@dataclass(slots=True)
class Place:
    """A box, or a bend of a long arrow, with its centre."""

    width: float
    height: float
    layer: int
    x: float = 0.0
    y: float = 0.0


@dataclass(slots=True)
class Layout:
    """A picture with its places.

    Attributes:
        places: Of the boxes, by key.
        routes: For each arrow, in the order of the picture, the bends between its ends.
        width, height: Of the whole.
    """

    places: dict[str, Place]
    routes: list[list[Place]]
    width: float = 0.0
    height: float = 0.0


@dataclass(slots=True)
class _Sheet:
    """The layers in the making: names of boxes and bends, and who is connected with whom."""

    layers: list[list[str]] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    above: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    below: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def lay_out(picture: Picture, sizes: Mapping[str, tuple[float, float]], gap: tuple[float, float]) -> Layout:
    """Find places for all boxes.

    Args:
        picture: What to lay out; it has no cycle.
        sizes: Width and height of each box.
        gap: Space between boxes side by side, and between layers.
    """
    sheet = _Sheet()
    for key, layer in _layers(picture).items():
        sheet.places[key] = Place(*sizes[key], layer)
    bends = _bend(picture, sheet)
    _fill(picture, sheet)
    for sweep in range(_SWEEPS):
        _reorder(sheet, downwards=sweep % 2 == 0)
    _position(sheet, gap)
    boxes = {node.key: sheet.places[node.key] for node in picture.nodes}
    routes = [[sheet.places[bend] for bend in names] for names in bends]
    width = max((place.x + place.width / 2 for place in sheet.places.values()), default=0.0)
    height = max((place.y + place.height / 2 for place in sheet.places.values()), default=0.0)
    return Layout(boxes, routes, width, height)


def _layers(picture: Picture) -> dict[str, int]:
    """Give each box the length of the longest way to it; those that come last lie below all others."""
    incoming: dict[str, list[str]] = defaultdict(list)
    for arrow in picture.arrows:
        incoming[arrow.target].append(arrow.source)
    layers: dict[str, int] = {}
    path = [node.key for node in reversed(picture.nodes)]
    while path:
        missing = [source for source in incoming[path[-1]] if source not in layers]
        if missing:
            path.extend(missing)
            continue
        key = path.pop()
        layers[key] = max((layers[source] + 1 for source in incoming[key]), default=0)
    last = {key for group in picture.groups if group.last for key in group.nodes}
    below = max((layer + 1 for key, layer in layers.items() if key not in last), default=0)
    return {key: layer + below if key in last else layer for key, layer in layers.items()}


def _bend(picture: Picture, sheet: _Sheet) -> list[list[str]]:
    """Connect the boxes, with a bend in each layer that an arrow passes."""
    lengths = [_length(sheet, arrow) for arrow in picture.arrows]
    straight = sum(lengths) > _BENDS_MAX
    bends: list[list[str]] = []
    for number, arrow in enumerate(picture.arrows):
        names: list[str] = []
        if not straight:
            first = sheet.places[arrow.source].layer + 1
            for layer in range(first, first + lengths[number]):
                names.append(f"{number}/{layer}")
                sheet.places[names[-1]] = Place(0.0, 0.0, layer)
        chain = [arrow.source, *names, arrow.target]
        for upper, lower in pairwise(chain):
            sheet.below[upper].append(lower)
            sheet.above[lower].append(upper)
        bends.append(names)
    return bends


def _length(sheet: _Sheet, arrow: Arrow) -> int:
    return max(sheet.places[arrow.target].layer - sheet.places[arrow.source].layer - 1, 0)


def _fill(picture: Picture, sheet: _Sheet) -> None:
    """Put boxes and bends into their layers, in the order in which the picture lists what they come from."""
    count = max((place.layer for place in sheet.places.values()), default=-1) + 1
    sheet.layers = [[] for _ in range(count)]
    seen: set[str] = set()
    for node in picture.nodes:
        path = [node.key]
        while path:
            name = path.pop()
            if name not in seen:
                seen.add(name)
                sheet.layers[sheet.places[name].layer].append(name)
                path.extend(lower for lower in reversed(sheet.below[name]) if "/" in lower)


def _reorder(sheet: _Sheet, *, downwards: bool) -> None:
    neighbours = sheet.above if downwards else sheet.below
    layers = sheet.layers if downwards else sheet.layers[::-1]
    for beside, layer in pairwise(layers):
        at = {name: position for position, name in enumerate(beside)}
        weights = {name: _mean([at[other] for other in neighbours[name] if other in at]) for name in layer}
        own = {name: position for position, name in enumerate(layer)}
        layer.sort(key=lambda name: (weights[name] if weights[name] is not None else own[name], own[name]))


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _position(sheet: _Sheet, gap: tuple[float, float]) -> None:
    y = 0.0
    for layer in sheet.layers:
        height = max((sheet.places[name].height for name in layer), default=0.0)
        x = 0.0
        for name in layer:
            place = sheet.places[name]
            place.x, place.y = x + place.width / 2, y + height / 2
            x += place.width + gap[0]
        y += height + gap[1]
    for sweep in range(_SWEEPS):
        neighbours = sheet.above if sweep % 2 == 0 else sheet.below
        for layer in sheet.layers if sweep % 2 == 0 else sheet.layers[::-1]:
            _pull(sheet, layer, neighbours, gap[0])
    left = min((place.x - place.width / 2 for place in sheet.places.values()), default=0.0)
    for place in sheet.places.values():
        place.x -= left


def _pull(sheet: _Sheet, layer: Sequence[str], neighbours: Mapping[str, list[str]], gap: float) -> None:
    """Move the boxes of a layer towards their neighbours, keeping order and distance."""
    places = [sheet.places[name] for name in layer]
    wanted = []
    for name, place in zip(layer, places, strict=True):
        mean = _mean([sheet.places[other].x for other in neighbours.get(name, ())])
        wanted.append(place.x if mean is None else mean)
    # Each box as far right as it wants but no box over its left neighbour, then the same from the right: the mean
    # of both keeps the distances and leans to neither side.
    from_left = _spread(places, wanted, gap)
    mirrored = _spread(places[::-1], [-x for x in wanted[::-1]], gap)
    from_right = [-x for x in mirrored[::-1]]
    for place, low, high in zip(places, from_left, from_right, strict=True):
        place.x = (low + high) / 2


def _spread(places: Sequence[Place], wanted: Sequence[float], gap: float) -> list[float]:
    found: list[float] = []
    edge = float("-inf")
    for place, x in zip(places, wanted, strict=True):
        found.append(max(x, edge + place.width / 2))
        edge = found[-1] + place.width / 2 + gap
    return found
