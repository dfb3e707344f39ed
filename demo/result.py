"""What came of the demo: checks that can fail, for people as a table and for machines as JSON."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from demo.script import WRITTEN, Story
from demo.stages import Opening
from demo.world import World
from release.ghost.database import MUST_NOT_SHRINK
from release.model import Kind, ProbeSeen, Release, State
from release.records import open_records


@dataclass(frozen=True)
class Check:
    """One claim and whether it held."""

    claim: str
    held: bool
    figures: str


@dataclass(frozen=True)
class Result:
    """Everything the demo found out. `steps` are (name, seconds) of the upgrade and the rollback."""

    before: str
    after: str
    rolled_back_to: str
    steps: tuple[tuple[str, float], ...]
    probe: ProbeSeen
    rows: dict[str, tuple[int, int]]
    swaps: int
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.held for check in self.checks)

    def as_json(self) -> str:
        """The keys that other programs rely on come first."""
        told = {
            "ok": self.ok,
            "from": self.before,
            "to": self.after,
            "rolled_back_to": self.rolled_back_to,
            "steps": [{"name": name, "seconds": seconds} for name, seconds in self.steps],
            "probe": {
                "requests": self.probe.requests,
                "failed": self.probe.failed,
                "slowest_ms": self.probe.slowest_ms,
                "failures": list(self.probe.failures),
            },
            "rows": {table: list(counts) for table, counts in self.rows.items()},
            "swaps": self.swaps,
            "checks": [{"claim": c.claim, "held": c.held, "figures": c.figures} for c in self.checks],
        }
        return json.dumps(told, indent=2) + "\n"

    def table(self) -> Table:
        table = Table(title=f"Ghost {self.before} to {self.after} and back")
        table.add_column("")
        table.add_column("check")
        table.add_column("figures", overflow="fold")
        for check in self.checks:
            table.add_row("[green]ok[/green]" if check.held else "[red]NO[/red]", check.claim, check.figures)
        return table


async def judge(world: World, site: str, opening: Opening, story: Story, visitor: ProbeSeen) -> Result:
    """Look at the records, at the slots' own files and databases, and at what a visitor saw."""
    upgrade, rollback = await _releases(world)
    rows = dict(upgrade.facts.migration.rows) if upgrade and upgrade.facts.migration else {}
    shrank = [table for table in MUST_NOT_SHRINK if table in rows and rows[table][1] < rows[table][0]]
    production = await world.version(site)
    swaps = await world.swaps(site)
    swapped = upgrade.facts.swap if upgrade else None
    swapped_back = rollback.facts.swap if rollback else None
    # After the rollback the version that was live is on staging, with the database it had.
    kept = await asyncio.to_thread(_titles, (await world.wwwroot(site, "staging")) / "content/data/ghost.db")
    slowest = f"slowest {visitor.slowest_ms:.0f} ms, half under {visitor.median_ms:.0f} ms"
    checks = (
        Check(
            f"{opening.after} went live",
            swapped is not None and swapped.after == opening.after and swapped.before == opening.before,
            f"swap {swapped.seconds} s" if swapped else "no swap",
        ),
        Check(
            f"rolled back to {opening.before}",
            production == opening.before and swapped_back is not None and rollback is not None,
            f"swap {swapped_back.seconds} s, production is {production}" if swapped_back else production,
        ),
        Check(
            "no visitor noticed",
            visitor.requests > 0 and visitor.failed == 0,
            f"{visitor.requests} requests, {visitor.failed} failed, {slowest}",
        ),
        Check("no row lost in the migration", bool(rows) and not shrank, _row_figures(rows)),
        Check(
            "a post written while people decided went live too",
            story.late_post_live and WRITTEN in kept,
            story.late_post or "it was not written",
        ),
        Check("one swap forward, one back", swaps == 2, f"{swaps} asked for"),
    )
    return Result(
        before=opening.before,
        after=opening.after,
        rolled_back_to=production,
        steps=_steps(upgrade, rollback),
        probe=visitor,
        rows=rows,
        swaps=swaps,
        checks=checks,
    )


async def _releases(world: World) -> tuple[Release | None, Release | None]:
    """The upgrade that went live and the rollback that took it back, as the bot remembers them."""
    records = open_records(world.records_url)
    try:
        history = await records.history(None, limit=20)
    finally:
        records.close()
    upgrade = next((r for r in history if r.kind is Kind.UPGRADE and r.state is State.ROLLED_BACK), None)
    rollback = next((r for r in history if r.kind is Kind.ROLLBACK and r.state is State.ROLLED_BACK), None)
    return upgrade, rollback


def _steps(*releases: Release | None) -> tuple[tuple[str, float], ...]:
    return tuple(
        (f"{release.kind}: {record.step}", round(record.seconds, 2))
        for release in releases
        if release is not None
        for record in release.steps
        if record.seconds is not None
    )


def _titles(database: Path) -> frozenset[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return frozenset(title for (title,) in connection.execute("SELECT title FROM posts"))


def _row_figures(rows: dict[str, tuple[int, int]]) -> str:
    told = [
        f"{table} {before} to {after}"
        for table, (before, after) in rows.items()
        if table in ("posts", "members")
    ]
    return f"{len(rows)} tables, {', '.join(told)}" if rows else "no report"
