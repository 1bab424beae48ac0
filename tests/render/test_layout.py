"""Where boxes lie: below what leads to them, beside each other without touching, whatever the graph."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.render.layout import Place, lay_out
from perdure.render.picture import picture_of_integration
from tests.render.pictures import ORDER, integration, task

GAP = (10.0, 20.0)


def random_picture(seed, size):
    chance = random.Random(seed)
    tasks = []
    for at in range(size):
        later = range(at + 1, size)
        targets = chance.sample(later, min(len(later), chance.choice([0, 1, 1, 2, 5])))
        tasks.append(task(f"t{at}", *(f"t{target}" for target in sorted(targets))))
    return picture_of_integration(integration(*tasks), {})


def laid_out(picture):
    sizes = {node.key: (40.0 + 7 * (number % 5), 20.0) for number, node in enumerate(picture.nodes)}
    return lay_out(picture, sizes, GAP)


@given(st.integers(0, 1 << 32), st.integers(1, 40))
def test_boxes_keep_their_distance_and_arrows_lead_down(seed, size):
    picture = random_picture(seed, size)
    layout = laid_out(picture)
    for arrow, bends in zip(picture.arrows, layout.routes, strict=True):
        ys = [layout.places[arrow.source].y, *(bend.y for bend in bends), layout.places[arrow.target].y]
        assert ys == sorted(set(ys))
    rows: dict[int, list[Place]] = {}
    for place in layout.places.values():
        rows.setdefault(place.layer, []).append(place)
    for row in rows.values():
        row.sort(key=lambda place: place.x)
        for left, right in pairwise(row):
            assert left.x + left.width / 2 + GAP[0] <= right.x - right.width / 2 + 1e-6


@given(st.integers(0, 1 << 32), st.integers(1, 40))
def test_everything_is_inside(seed, size):
    layout = laid_out(random_picture(seed, size))
    for place in layout.places.values():
        assert place.x - place.width / 2 >= -1e-6
        assert place.y - place.height / 2 >= -1e-6
        assert place.x + place.width / 2 <= layout.width + 1e-6
        assert place.y + place.height / 2 <= layout.height + 1e-6


def test_a_long_arrow_bends_in_each_layer_that_it_passes():
    picture = picture_of_integration(integration(task("a", "b", "d"), task("b", "c"), task("c", "d"), task("d")), {})
    layout = laid_out(picture)
    at = next(i for i, arrow in enumerate(picture.arrows) if (arrow.source, arrow.target) == ("a", "d"))
    assert [bend.layer for bend in layout.routes[at]] == [2, 3]


def test_the_teardown_lies_below_all_else():
    layout = laid_out(picture_of_integration(ORDER, {}))
    above = [place.y for key, place in layout.places.items() if key not in {"unlock", "close"}]
    assert max(above) < layout.places["unlock"].y < layout.places["close"].y


@pytest.mark.slow
def test_the_largest_graph_is_laid_out():
    tasks = [task(f"t{at}", *(f"t{to}" for to in range(at + 1, min(at + 11, 2_000)))) for at in range(2_000)]
    layout = laid_out(picture_of_integration(integration(*tasks), {}))
    assert len(layout.places) == 2_001
