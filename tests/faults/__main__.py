"""`python -m tests.faults [--minutes N] [--seed S]`: mishaps by chance for so long, and a table of how they ended."""

import argparse
import asyncio
import collections
import logging
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.faults.bench import a_bench
from tests.faults.table import Outcome, at_random


def rows(outcomes: Iterable[Outcome]) -> list[str]:
    """How the releases ended, by mishap; under it every promise that was broken."""
    found = list(outcomes)
    counted: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for outcome in found:
        counted[outcome.case.mishap.name][outcome.ended] += 1
    ends = ("live", "failed", "refused")
    lines = [f"{'':22}" + "".join(f"{end:>9}" for end in ends) + "    other"]
    for name, ended in counted.items():
        other = ended.total() - sum(ended[end] for end in ends)
        lines.append(f"{name:22}" + "".join(f"{ended[end]:9}" for end in ends) + f"{other:9}")
    lines.append(f"{len(found)} releases, {sum(bool(one.broken) for one in found)} with a broken promise")
    lines += [f"  {one.case}: {one.ended}; {'; '.join(one.broken)}" for one in found if one.broken]
    return lines


async def run(minutes: float, seed: int) -> int:
    """1 when a promise was broken."""
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="ghostbot-faults-") as folder:
        async with a_bench(Path(folder) / "bench", Path(folder) / "cache") as bench:
            async for outcome in at_random(bench, minutes * 60, seed):
                found.append(outcome)
                broken = f"  BROKEN: {'; '.join(outcome.broken)}" if outcome.broken else ""
                print(f"{outcome.seconds:6.1f} s  {outcome.ended:8}  {outcome.case}{broken}", flush=True)  # noqa: T201 - a program's output
    print("\n".join(rows(found)))  # noqa: T201 - a program's output
    return int(any(outcome.broken for outcome in found))


def main() -> int:
    """The command line."""
    words = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    words.add_argument("--minutes", type=float, default=5)
    words.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - no secret
    chosen = words.parse_args()
    print(f"seed {chosen.seed}", flush=True)  # noqa: T201 - a program's output
    # The SDK's and the engine's warnings about every bad answer would hide the table.
    logging.disable(logging.CRITICAL)
    return asyncio.run(run(chosen.minutes, chosen.seed))


if __name__ == "__main__":
    raise SystemExit(main())
