"""Where the jobs of a flow stand in its picture: in layers from left to right, each behind all that it follows.

A line that passes layers has a stop in each of them, as if a thin job stood there, so that it goes past the jobs and
not behind them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 168, 40
STOP_HEIGHT = 10
GAP_ACROSS, GAP_DOWN = 56, 14
MARGIN = 10
SWEEPS = 6
"""How often the order in each layer is bettered: after that little changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where one job stands, or a line has its stop: the upper left corner."""

    id: str
    x: int
    y: int
    height: int

    @property
    def middle(self) -> int:
        """Half way down."""
        return self.y + self.height // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One edge, as the path of an SVG, and the job that it leads to."""

    path: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All spots and lines, and how large it is."""

    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def drawing(parents: Mapping[str, Sequence[str]]) -> Drawing:
    """Lay out jobs, each with those that it follows; a job comes after all that it follows."""
    depths = _depths(parents)
    ways = _ways(parents, depths)
    layers: list[list[str]] = [[] for _ in range(1 + max(depths.values(), default=-1))]
    for each, depth in depths.items():
        layers[depth].append(each)
    _order(layers, ways)
    height = 2 * MARGIN + max((_height_of(layer, parents) for layer in layers), default=0)
    spots = {spot.id: spot for column, layer in enumerate(layers) for spot in _column(layer, column, height, parents)}
    return Drawing(
        spots=tuple(spots[job] for job in parents),
        lines=tuple(Line(path=_path([spots[each] for each in way]), to=way[-1]) for way in ways),
        width=2 * MARGIN + len(layers) * (WIDTH + GAP_ACROSS) - GAP_ACROSS,
        height=height,
    )


def _depths(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the layer of each job: those that follow nobody stand right before the first that follows them."""
    depths: dict[str, int] = {}
    for job, whom in parents.items():
        depths[job] = 1 + max((depths[parent] for parent in whom if parent in depths), default=-1)
    nearest: dict[str, int] = {}
    for job, whom in parents.items():
        for parent in whom:
            nearest[parent] = min(nearest.get(parent, depths[job]), depths[job])
    for job, whom in parents.items():
        if not whom and job in nearest:
            depths[job] = nearest[job] - 1
    return depths


def _ways(parents: Mapping[str, Sequence[str]], depths: dict[str, int]) -> list[list[str]]:
    """Return for each edge what it goes along: a job, a stop in each layer that it passes, a job."""
    ways: list[list[str]] = []
    for job, whom in parents.items():
        for parent in whom:
            if parent not in depths:
                continue
            between = range(depths[parent] + 1, depths[job])
            stops = {f"{parent}>{job}>{layer}": layer for layer in between}
            ways.append([parent, *stops, job])
            depths.update(stops)
    return ways


def _order(layers: list[list[str]], ways: Sequence[Sequence[str]]) -> None:
    """Put each job and stop near the middle of those it is tied to, forwards and backwards in turn."""
    before: dict[str, list[str]] = {}
    behind: dict[str, list[str]] = {}
    for way in ways:
        for one, other in pairwise(way):
            before.setdefault(other, []).append(one)
            behind.setdefault(one, []).append(other)
    places = {each: place / len(layer) for layer in layers for place, each in enumerate(layer)}
    for sweep in range(SWEEPS):
        is_forward = sweep % 2 == 0
        tied = before if is_forward else behind
        for layer in layers if is_forward else reversed(layers):
            layer.sort(key={each: _middle(each, tied, places) for each in layer}.__getitem__)
            places.update({each: place / len(layer) for place, each in enumerate(layer)})


def _middle(each: str, tied: Mapping[str, Sequence[str]], places: Mapping[str, float]) -> float:
    known = [places[other] for other in tied.get(each, ())]
    return sum(known) / len(known) if known else places[each]


def _column(layer: Sequence[str], column: int, height: int, jobs: Mapping[str, Sequence[str]]) -> list[Spot]:
    x = MARGIN + column * (WIDTH + GAP_ACROSS)
    y = (height - _height_of(layer, jobs)) // 2
    spots: list[Spot] = []
    for each in layer:
        tall = HEIGHT if each in jobs else STOP_HEIGHT
        spots.append(Spot(id=each, x=x, y=y, height=tall))
        y += tall + GAP_DOWN
    return spots


def _height_of(layer: Sequence[str], jobs: Mapping[str, Sequence[str]]) -> int:
    return sum((HEIGHT if each in jobs else STOP_HEIGHT) + GAP_DOWN for each in layer) - GAP_DOWN


def _path(way: Sequence[Spot]) -> str:
    path = f"M{way[0].x + WIDTH} {way[0].middle}"
    for start, end in pairwise(way):
        x1, x2, bend = start.x + WIDTH, end.x, GAP_ACROSS // 2
        path += f"C{x1 + bend} {start.middle} {x2 - bend} {end.middle} {x2} {end.middle}"
        if end is not way[-1]:
            path += f"L{x2 + WIDTH} {end.middle}"
    return path
