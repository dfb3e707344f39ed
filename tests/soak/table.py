"""The last word of a soak."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from tests.soak.town import Tally


def table(tally: Tally) -> Table:
    """Kills, releases and how each ended, writes, and the invariants that did not hold."""
    rows = Table(title=f"Soak, seed {tally.seed}, {tally.seconds / 60:.1f} minutes", show_header=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    if tally.faults:
        rows.add_row("faults", f"{tally.faults:,}")
    if tally.kills:
        rows.add_row("kills (-9)", f"{tally.kills:,}, started again {tally.starts:,} times")
        rows.add_row("cut off", _counted(tally.hit))
    rows.add_row("releases", f"{tally.releases:,}")
    for (kind, state), times in sorted(tally.ended.items()):
        rows.add_row(f"  {kind}", f"{times:,} {state.replace('_', ' ')}")
    for reason, times in tally.reasons.most_common():
        rows.add_row("  failed with", f"{times:,}: {reason}")
    if tally.in_vain:
        rows.add_row("asked in vain", f"{tally.in_vain:,}")
    rows.add_row("swaps by Azure", f"{tally.swaps:,}")
    if tally.written:
        rows.add_row("posts written", f"{tally.written:,}, of them kept {tally.kept:,}")
    rows.add_row("invariants broken", f"{len(tally.broken):,}" if tally.broken else "none")
    return rows


def shown(tally: Tally) -> str:
    """The table as plain text."""
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(table(tally))
    return capture.get()


def _counted(hit: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in hit.most_common())
