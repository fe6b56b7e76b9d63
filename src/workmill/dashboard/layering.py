"""Where the jobs of a flow stand in its picture: in layers from left to right, each behind all that it follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 168, 40
GAP_ACROSS, GAP_DOWN = 56, 14
MARGIN = 10
SWEEPS = 4
"""How often the order in each layer is bettered: after that little changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where one job stands: its upper left corner."""

    id: str
    x: int
    y: int


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
    layers = _ordered(_layers(parents), parents)
    tallest = max((len(layer) for layer in layers), default=0)
    height = 2 * MARGIN + tallest * (HEIGHT + GAP_DOWN) - GAP_DOWN
    spots = [spot for column, layer in enumerate(layers) for spot in _column(layer, column, height)]
    by_id = {spot.id: spot for spot in spots}
    lines = [
        Line(path=_path(by_id[parent], by_id[child]), to=child)
        for child, whom in parents.items()
        for parent in whom
        if parent in by_id
    ]
    width = 2 * MARGIN + len(layers) * (WIDTH + GAP_ACROSS) - GAP_ACROSS
    return Drawing(spots=tuple(spots), lines=tuple(lines), width=width, height=height)


def _layers(parents: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depths: dict[str, int] = {}
    layers: list[list[str]] = []
    for job, whom in parents.items():
        depth = depths[job] = 1 + max((depths[parent] for parent in whom if parent in depths), default=-1)
        if depth == len(layers):
            layers.append([])
        layers[depth].append(job)
    return layers


def _ordered(layers: list[list[str]], parents: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Put each job near the middle of those it is tied to, forwards and backwards in turn."""
    children: dict[str, list[str]] = {}
    for job, whom in parents.items():
        for parent in whom:
            children.setdefault(parent, []).append(job)
    for sweep in range(SWEEPS):
        is_forward = sweep % 2 == 0
        tied = parents if is_forward else children
        places = {job: place / len(layer) for layer in layers for place, job in enumerate(layer)}
        for layer in layers if is_forward else reversed(layers):
            layer.sort(key=lambda job: _middle(job, tied, places))
            places.update({job: place / len(layer) for place, job in enumerate(layer)})
    return layers


def _middle(job: str, tied: Mapping[str, Sequence[str]], places: Mapping[str, float]) -> float:
    known = [places[each] for each in tied.get(job, ()) if each in places]
    return sum(known) / len(known) if known else places[job]


def _column(layer: Sequence[str], column: int, height: int) -> list[Spot]:
    x = MARGIN + column * (WIDTH + GAP_ACROSS)
    used = len(layer) * (HEIGHT + GAP_DOWN) - GAP_DOWN
    top = (height - used) // 2
    return [Spot(id=job, x=x, y=top + row * (HEIGHT + GAP_DOWN)) for row, job in enumerate(layer)]


def _path(start: Spot, end: Spot) -> str:
    x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT // 2, end.x, end.y + HEIGHT // 2
    bend = (x2 - x1) // 2 if x2 - x1 <= GAP_ACROSS else GAP_ACROSS
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
