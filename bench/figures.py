"""What is measured: rows with their targets, for people as tables and for machines as JSON."""

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One line of a table. `reached` None: told beside the others, without a target of its own."""

    work: str
    measured: str
    target: str = ""
    reached: bool | None = None
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return {True: "reached", False: "not reached", None: ""}[self.reached]


@dataclass(frozen=True)
class Curve:
    """What grows over what: a line of a plot."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Plot:
    """One picture of the docs; `file` is its name without an ending."""

    file: str
    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]
    logarithmic: bool = False


@dataclass
class Measured:
    """What one part found out. `notes` are said below its table."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    seconds: float = 0.0
    at: str = ""
    commit: str = ""
    load: str = ""
    machine: str = ""
    quick: bool = False
    incomplete: bool = False

    def add(
        self,
        work: str,
        measured: str,
        target: str = "",
        reached: bool | None = None,
        **figures: float,
    ) -> None:
        self.rows.append(Row(work, measured, target, reached, figures))

    def lacks(self, work: str, why: str, target: str = "") -> None:
        """What was to be measured and could not be: a target that is not reached, and no complete part."""
        self.rows.append(Row(work, f"not measured: {why[:600]}", target, reached=False))
        self.incomplete = True

    def table(self) -> Table:
        table = Table(title=self.title, title_justify="left")
        for name in ("work", "measured", "to reach", ""):
            table.add_column(name, overflow="fold")
        for row in self.rows:
            style = {True: "green", False: "red", None: ""}[row.reached]
            table.add_row(
                row.work, row.measured, row.target, f"[{style}]{row.verdict}[/{style}]" if style else ""
            )
        return table


def machine() -> dict[str, str]:
    """Where this was measured, and when."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "processor": f"{os.cpu_count()} x {processor}",
        "memory": f"{memory:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "commit": commit,
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def in_words(where: dict[str, str]) -> str:
    """The machine, as people tell one from another."""
    return ", ".join(where[name] for name in ("processor", "memory", "system"))


def as_told(where: dict[str, str], parts: dict[str, Measured]) -> dict[str, Any]:
    """What is written as JSON."""
    return {
        "machine": where,
        "parts": {
            name: {**asdict(part), "rows": [_row(row) for row in part.rows]} for name, part in parts.items()
        },
    }


def _row(row: Row) -> dict[str, Any]:
    return {**asdict(row), "verdict": row.verdict}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
