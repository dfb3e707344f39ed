"""A small picture of what visitors waited for over a swap, drawn in a process of its own.

matplotlib takes half a second and tens of megabytes to load, which the bot neither has to wait for nor to keep.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from release.ghost.until_orphaned import GIVES_WAY
from release.model import ProbeSeen, Release, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

# Other releases are told afterwards.
SECONDS = 15


async def chart(release: Release) -> bytes | None:
    """A PNG, 900 by 360 pixels; None where nothing was measured, or where it could not be drawn."""
    probe = release.facts.probe
    if probe is None or len(probe.series) < 2:
        return None
    swap = release.step(Step.SWAP)
    told = {
        "title": f"{release.site}: visitors while {release.from_version} became {release.version}",
        "series": probe.series,
        "swap": _window(probe, swap.started_at, swap.ended_at),
    }
    try:
        # No secret of the bot's in its environment: it draws numbers.
        drawing = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.chart",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={
                "PYTHONPATH": ":".join(path for path in sys.path if path),
                "MPLBACKEND": "Agg",
                "HOME": "/nonexistent",
            },
        )
    except OSError as error:  # no memory for a process, or no file left to open
        log.warning("no picture", extra={"release": release.id, "why": error.strerror})
        return None
    png = b""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                png, _ = await drawing.communicate(json.dumps(told).encode())
    finally:
        if drawing.returncode is None:
            drawing.kill()
    return png if drawing.returncode == 0 and png.startswith(b"\x89PNG") else None


def in_words(release: Release) -> str:
    """What the picture shows, for who does not see it."""
    probe = release.facts.probe
    if probe is None:
        return ""
    failed = "none failed" if not probe.failed else f"{probe.failed} failed"
    return (
        f"Response times of {probe.requests} requests to {release.site} over {probe.seconds:.0f} seconds around the "
        f"swap: {failed}, half under {probe.median_ms:.0f} ms, the slowest {probe.slowest_ms:.0f} ms."
    )


def _window(probe: ProbeSeen, started: datetime | None, ended: datetime | None) -> tuple[float, float] | None:
    if probe.began_at is None or started is None or ended is None:
        return None
    return ((started - probe.began_at).total_seconds(), (ended - probe.began_at).total_seconds())


def drawn(told: dict[str, Any]) -> "Figure":  # Any: the JSON of `chart`
    """The picture, with a shape and a word beside every colour."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - in the process of its own only

    figure = Figure(figsize=(9, 3.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    well = [(at, took) for at, took, ok in told["series"] if ok]
    failed = [(at, took) for at, took, ok in told["series"] if not ok]
    if told["swap"]:
        axes.axvspan(
            *told["swap"], facecolor="#d0e4f5", label="swap", hatch="//", edgecolor="#9fc3e0", linewidth=0
        )
    if well:
        axes.plot(
            *zip(*well, strict=True), "o-", color="#1f5f8b", markersize=3, linewidth=1, label="answered"
        )
    if failed:
        axes.plot(*zip(*failed, strict=True), "X", color="#c0392b", markersize=9, label="failed")
    axes.set(title=told["title"], xlabel="seconds", ylabel="milliseconds", ylim=(0, None))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper right", fontsize="small")
    return figure


if __name__ == "__main__":
    os.nice(GIVES_WAY)
    drawn(json.load(sys.stdin)).savefig(sys.stdout.buffer, format="png")
