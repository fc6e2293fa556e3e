"""A soak as a picture: resident memory, and the neighbour's p50 and p99, over time."""

from pathlib import Path

from benchmarks.reliability.results import Soak


def draw(soak: Soak, path: Path) -> None:
    """Draws both, one above the other.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    minutes = [point.second / 60 for point in soak.points]
    figure = Figure(figsize=(8, 5), layout="constrained")
    memory, times = figure.subplots(2, 1, sharex=True)
    memory.plot(minutes, [point.rss_mb for point in soak.points], color="C0", linewidth=1)
    memory.axvline(soak.memory.settled_s / 60, color="grey", linestyle=":", linewidth=1)
    memory.set(ylabel="RSS, MB", ylim=(0, None), title="Memory")
    for name, colour in (("p50_ms", "C2"), ("p99_ms", "C3")):
        values = [getattr(point, name) for point in soak.points]
        times.plot(minutes, values, color=colour, linewidth=1, label=name.removesuffix("_ms"))
    times.set(ylabel="ms", ylim=(0, None), xlabel="minutes", title="A neighbour's times")
    times.legend(fontsize="small")
    for axes in (memory, times):
        axes.grid(alpha=0.3)
    partial = path.with_name(f".partial-{path.name}")
    figure.savefig(partial)
    partial.replace(path)
