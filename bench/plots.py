"""Pictures of how cost grows, for the docs."""

from pathlib import Path

from bench.figures import Plot

_SIZE = (5.0, 3.0)
_DPI = 110


def draw(plots: list[Plot], folder: Path) -> None:
    """One PNG each, from zero up, so that a line that looks steep is steep."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only plots cost
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
        axes = figure.add_subplot()
        for curve in plot.curves:
            axes.plot(curve.x, curve.y, marker="o", label=curve.name)
        if plot.logarithmic:
            axes.set_xscale("log")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0)
        axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
        if len(plot.curves) > 1:
            figure.legend(loc="outside upper center", ncols=len(plot.curves), frameon=False, fontsize="small")
        axes.grid(visible=True, alpha=0.3)
        figure.savefig(folder / f"{plot.file}.png", metadata={"Software": None})
