"""The geometry of a report's charts. Knows no HTML: the templates draw what is laid out here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 600  # of the plot, in pixels
HEIGHT = 180
LOG_FROM = 40  # values that differ by this factor are on a logarithmic scale
TICKS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """Values to draw: `kind` names its colour, `points` are x and y."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point that was measured, and what it says when it is pointed at."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series, laid out."""

    label: str
    kind: str
    points: str  # for an SVG polyline
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over one scale, x from the left and y from the top."""

    title: str
    x_label: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_marks: tuple[Tick, ...]
    y_marks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stacked bar."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Places values between two ends, in proportion or by their logarithms."""

    low: float
    high: float
    logarithmic: bool
    length: int

    def place(self, value: float) -> float:
        """Pixels from the low end; a value outside is at the end."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(share * self.length, 1)

    def ticks(self) -> list[float]:
        """Round values, some of them, from end to end."""
        if not self.logarithmic:
            return _round_steps(self.low, self.high)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        few = len(powers) > TICKS
        found = [base * 10.0**power for power in powers for base in ((1,) if few else (1, 2, 5))]
        return [
            value for value in found if self.low <= value * 1.0001 and value <= self.high * 1.0001
        ]


def chart(
    title: str,
    x_label: str,
    series: Sequence[Series],
    *,
    x_marks: Sequence[tuple[float, str]] = (),
    y_marks: Sequence[tuple[float, str]] = (),
) -> Chart | None:
    """Lays out lines; None where none has two points.

    Args:
        x_marks, y_marks: values, and what stands beside the line that is drawn there.
    """
    drawn = [each for each in series if len(each.points) > 1]
    if not drawn:
        return None
    points = [point for each in drawn for point in each.points]
    across = _scale([x for x, _ in points], WIDTH, from_zero=False)
    up = _scale([y for _, y in points] + [y for y, _ in y_marks], HEIGHT, from_zero=True)
    return Chart(
        title=title,
        x_label=x_label,
        lines=tuple(_line(each, x_label, across, up) for each in drawn),
        x_ticks=tuple(Tick(across.place(value), short(value)) for value in across.ticks()),
        y_ticks=tuple(Tick(HEIGHT - up.place(value), short(value)) for value in up.ticks()),
        x_marks=tuple(Tick(across.place(value), label) for value, label in x_marks),
        y_marks=tuple(Tick(HEIGHT - up.place(value), label) for value, label in y_marks),
    )


def stacked(parts: Sequence[tuple[str, float, str]], whole: float) -> tuple[Part, ...]:
    """Lays out one bar of parts side by side: kind, value and what it says.

    Args:
        whole: the value that has the full width.
    """
    found = []
    x = 0.0
    for kind, value, title in parts:
        width = round(value / (whole or 1.0) * WIDTH, 2)
        found.append(Part(kind, round(x, 2), width, title))
        x += width
    return tuple(found)


def short(value: float) -> str:
    """A number in three digits at most."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _line(series: Series, x_label: str, across: Scale, up: Scale) -> Line:
    placed = [(across.place(x), round(HEIGHT - up.place(y), 1)) for x, y in series.points]
    titles = [f"{series.label}: {short(y)} at {short(x)} {x_label}" for x, y in series.points]
    return Line(
        label=series.label,
        kind=series.kind,
        points=" ".join(f"{x},{y}" for x, y in placed),
        dots=tuple(Dot(x, y, title) for (x, y), title in zip(placed, titles, strict=True)),
    )


def _scale(values: Sequence[float], length: int, *, from_zero: bool) -> Scale:
    high = max(values) or 1.0
    positive = [value for value in values if value > 0]
    low = min(positive, default=high)
    if from_zero and high / low > LOG_FROM and len(positive) == len(values):
        return Scale(low * 0.8, high * 1.1, True, length)
    start = 0.0 if from_zero or min(values) < high / 2 else min(values)
    return Scale(start, high if high > start else start + 1.0, False, length)


def _round_steps(low: float, high: float) -> list[float]:
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(base for base in (1, 2, 5, 10) if base * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
