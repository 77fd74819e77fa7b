"""Charts of a part against its whole: bars as coordinates, so that a page needs no script and no style.

Pure. The same figures stand in a table beside the chart for whoever cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.messages import Message
from core.statistics.queries import ClassFigures

WIDTH = 960
HEIGHT = 250
TOP, BOTTOM, LEFT = 14, 34, 62
MAX_BARS = 60


@dataclass(frozen=True, slots=True)
class Pair:
    """What a bar stands for, VND; `part_vnd` is shown within `whole_vnd`, nothing below zero."""

    name: str | Message
    whole_vnd: int
    part_vnd: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One class: two bars over each other. Coordinates in the drawing's units."""

    name: str | Message
    whole_vnd: int
    x: float
    width: float
    due_y: float
    due_height: float
    paid_y: float
    paid_height: float
    percent: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale and its value, in millions of VND."""

    y: float
    millions: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing. `step`: every how many bars a name is written, so that names do not touch."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    step: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base_y: int = HEIGHT - BOTTOM


def draw(classes: Sequence[ClassFigures]) -> Chart | None:
    """Collected against due of at most `MAX_BARS` classes; None when nothing is due."""
    return draw_pairs(
        [
            Pair(figures.name, figures.billed_vnd, figures.collected_vnd)
            for figures in classes
            if figures.billed_vnd > 0
        ]
    )


def draw_pairs(pairs: Sequence[Pair]) -> Chart | None:
    """Bars for at most `MAX_BARS` pairs, from zero; None when all of them are empty."""
    shown = pairs[:MAX_BARS]
    if not any(pair.whole_vnd > 0 for pair in shown):
        return None
    top_vnd = _round_up(max(pair.whole_vnd for pair in shown))
    inner = HEIGHT - TOP - BOTTOM
    slot = (WIDTH - LEFT) / len(shown)
    bar_width = min(slot * 0.62, 44.0)
    bars: list[Bar] = []
    for index, pair in enumerate(shown):
        whole_vnd = max(pair.whole_vnd, 0)
        part_vnd = min(max(pair.part_vnd, 0), whole_vnd)
        due = inner * whole_vnd / top_vnd
        paid = inner * part_vnd / top_vnd
        bars.append(
            Bar(
                name=pair.name,
                whole_vnd=pair.whole_vnd,
                x=round(LEFT + slot * index + (slot - bar_width) / 2, 2),
                width=round(bar_width, 2),
                due_y=round(TOP + inner - due, 2),
                due_height=round(due, 2),
                paid_y=round(TOP + inner - paid, 2),
                paid_height=round(paid, 2),
                percent=part_vnd * 100 // whole_vnd if whole_vnd else 0,
            )
        )
    ticks = tuple(
        Tick(y=round(TOP + inner - inner * part / 4, 2), millions=top_vnd * part / 4 / 1_000_000)
        for part in range(5)
    )
    return Chart(tuple(bars), ticks, step=max(1, round(36 / slot + 0.49)))


def _round_up(amount_vnd: int) -> int:
    """The next 1, 2, 4 or 8 times a power of ten: a scale of four equal steps."""
    unit = 1
    while unit * 8 < amount_vnd:
        unit *= 10
    return next(unit * factor for factor in (1, 2, 4, 8) if unit * factor >= amount_vnd)
