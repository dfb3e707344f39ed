"""The page of the docs, written from the figures of a run: tables with targets, notes, and pictures."""

import json
from pathlib import Path
from typing import Any

INTRODUCTION = """\
# Measured

`make bench` measures the bot beside what people would use instead, prints these tables with their targets, and writes
`bench.json`. `make bench ARGS="--only answering"` measures one part (and leaves the others in the file as they were),
`ARGS="--quick"` is smaller and fewer, `ARGS="--docs docs/bench.md"` writes this page.

Everything runs on one machine: the local App Service and the local Slack of [the sandbox](../sandbox/README.md), each
site a real process, the bot, and the other side of each comparison, in the same run. Where a table says so App Service
takes the time that Azure takes: 62 s a swap, 20 ms a call to SCM, 50 MB/s. Azure itself was not measured.
"""


def page(told: dict[str, Any]) -> str:  # Any: the JSON of a run
    """Markdown of the whole page."""
    lines = [INTRODUCTION]
    where = told["machine"]
    lines.append(
        "The machine: " + ", ".join(f"{where[name]}" for name in ("processor", "memory", "system")) + "."
    )
    lines.append(f"Python {where['python']}.\n")
    for part in told["parts"].values():
        lines += [f"## {part['title']}", ""]
        lines += ["| work | measured | to reach | |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {row['work']} | {row['measured']} | {row['target']} | {row['verdict']} |"
            for row in part["rows"]
        ]
        lines.append("")
        lines += [f"{note}\n" for note in part["notes"]]
        if part["plots"]:
            pictures = [f"![{plot['title']}](pictures/bench/{plot['file']}.png)" for plot in part["plots"]]
            lines += [*pictures, ""]
        lines.append(
            f"Measured {part['at']} at {part['commit']} in {part['seconds'] / 60:.1f} minutes"
            + (", quick." if part["quick"] else ".")
            + "\n"
        )
    return "\n".join(lines).rstrip() + "\n"


def with_earlier(path: Path, told: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:  # Any: as above
    """The parts of a file that were measured earlier stay, each with its own time; those of this run replace them."""
    earlier = json.loads(path.read_text())["parts"] if path.exists() else {}
    parts = {**earlier, **told["parts"]}
    return {**told, "parts": {name: parts[name] for name in order if name in parts}}
