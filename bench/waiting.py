"""200 sites that wait for approval: what they cost, and whether answers and approvals are slower than with one."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, create_engine, delete, select

from bench.figures import Measured, median
from bench.place import Place, a_tiny_team, look_at, staged
from demo.world import DidNotStart
from release.model import State, Step
from release.records import tables
from tests.stories.team import CHANNEL, Team

WAITING, QUICK_WAITING = 200, 50
COMMANDS = ("history", "status")
ROUNDS, QUICK_ROUNDS = 12, 5
REST_SECONDS, QUICK_REST_SECONDS = 15, 8
BEFORE, AFTER = ("one", "two", "three"), ("ten", "eleven", "twelve")
AMONG = ("four", "five", "six", "seven", "eight", "nine")
"""Sites that are approved while one waits, while one waits again, and while all do."""
FIRST, STAYS = "first", "stays"
_COPIED: tuple[tuple[Table, str], ...] = (
    (tables.steps, "release"),
    (tables.facts, "release"),
    (tables.approvals, "release"),
    (tables.messages, "owner"),
)


async def measure(place: Place) -> Measured:
    """With one that waits, with 200, and with one again."""
    count = QUICK_WAITING if place.quick else WAITING
    rounds = QUICK_ROUNDS if place.quick else ROUNDS
    rest = QUICK_REST_SECONDS if place.quick else REST_SECONDS
    found = Measured(f"{count} sites wait for approval")
    others = [f"waits{number}" for number in range(1, count)]
    real = (STAYS, FIRST, *BEFORE, *AMONG, *AFTER)
    few: dict[str, list[float]] = {}
    many: dict[str, list[float]] = {}
    async with a_tiny_team(place, real, more=others) as team:
        await staged(team, STAYS, seconds=120)
        await team.card(STAYS)
        await _approve({}, team, [FIRST])  # the first of everything is loaded then
        place.tell("one waits")
        await _approve(few, team, BEFORE)
        await _look(few, team, rounds, rest)
        release = (await team.last(STAYS)).id
        await _all_told(team)
        copied = await asyncio.to_thread(copy_waiting, team.world.records_url, release, others)
        place.tell(f"{len(copied) + 1} wait")
        await asyncio.sleep(6)  # every chore has seen them then
        await _look(many, team, rounds, rest)
        await _approve(many, team, AMONG)
        await asyncio.to_thread(forget, team.world.records_url, copied)
        place.tell("one waits again")
        await asyncio.sleep(6)
        await _look(few, team, rounds, rest)
        await _approve(few, team, AFTER)
    _tell(found, count, few, many)
    found.notes.append(
        f"One bot on SQLite that knows {count - 1 + len(real)} sites in both. {count - 1} of the releases that wait "
        "are copies, in the records, of one that was staged, with its steps, facts, question and messages; their sites "
        "are not there, so `/ghost status` is asked of one site. Answers are timed from the person's Enter until the "
        "answer is read, an approval from the click until its answer, and until the first step runs. "
        f"One that waits is measured before and after: half of its rounds and {len(BEFORE)} approvals each, beside "
        f"{len(AMONG)}, and one more that nobody counts comes first."
    )
    return found


async def _look(times: dict[str, list[float]], team: Team, rounds: int, rest: float) -> None:
    """Commands one after the other, each until its answer is there; and a rest."""
    for _ in range(rounds):
        for command in COMMANDS:
            times.setdefault(command, []).append(await _answered(team, f"/ghost {command} {STAYS}"))
    pid = team.world.process_of("bot")
    await asyncio.sleep(2)
    before = look_at(pid)
    await asyncio.sleep(rest)
    after = look_at(pid)
    share = (after.processor - before.processor) / (after.at - before.at) * 100
    times.setdefault("rest", []).append(share)


async def _answered(team: Team, text: str) -> float:
    began, after = time.monotonic(), f"{time.time():.6f}"
    await team.types("cleo", text)
    wish = {"as": "cleo", "channel": CHANNEL, "contains": STAYS, "after_ts": after, "timeout": 30}
    await team.world.slack_does("wait", **wish)
    return time.monotonic() - began


async def _approve(times: dict[str, list[float]], team: Team, sites: Iterable[str]) -> None:
    for site in sites:
        await staged(team, site, seconds=120)
        card = await team.card(site)
        clicked, began = datetime.now(UTC), time.monotonic()
        await team.clicks("ben", card, "Approve")
        wish = {
            "as": "ben",
            "channel": CHANNEL,
            "contains": "You approved",
            "after_ts": f"{clicked.timestamp():.6f}",
        }
        await team.world.slack_does("wait", **wish)
        times.setdefault("approve", []).append(time.monotonic() - began)
        release = await team.reaches(site, State.LIVE, seconds=120)
        works = release.step(Step.RECHECK).started_at or clicked
        times.setdefault("begins", []).append((works - clicked).total_seconds())


async def _all_told(team: Team) -> None:
    """Nothing is left to tell, so that copies are as much told as what they are copies of."""
    for _ in range(300):
        if not await team.records.releases_to_tell():
            return
        await asyncio.sleep(0.2)
    raise DidNotStart("Slack was not told everything within a minute")


def copy_waiting(url: str, release: str, sites: list[str]) -> list[str]:
    """As many releases as sites, as if each had come as far as this one; returns their ids."""
    engine = create_engine(url, connect_args={"timeout": 60})
    try:
        with engine.begin() as connection:
            whole = _rows(connection, tables.releases, "id", release)[0]
            copies = {f"r-w{number:04}": site for number, site in enumerate(sites)}
            connection.execute(
                tables.releases.insert(), [{**whole, "id": one, "site": site} for one, site in copies.items()]
            )
            for table, column in _COPIED:
                rows = _rows(connection, table, column, release)
                own = {"id"} if table is tables.approvals else set()
                connection.execute(
                    table.insert(),
                    [
                        {**row, column: one, **dict.fromkeys(own, f"a-{one}")}
                        for one in copies
                        for row in rows
                    ],
                )
    finally:
        engine.dispose()
    return list(copies)


def _rows(
    connection: Connection, table: Table, column: str, value: str
) -> list[dict[str, Any]]:  # Any: a row
    found = connection.execute(select(table).where(table.c[column] == value)).mappings()
    return [dict(row) for row in found]


def forget(url: str, releases: list[str]) -> None:
    engine = create_engine(url, connect_args={"timeout": 60})
    try:
        with engine.begin() as connection:
            for table, column in (*_COPIED, (tables.releases, "id")):
                connection.execute(delete(table).where(table.c[column].in_(releases)))
    finally:
        engine.dispose()


def _tell(found: Measured, count: int, few: dict[str, list[float]], many: dict[str, list[float]]) -> None:
    for name, what in (
        ("history", "`/ghost history SITE` answered"),
        ("status", "`/ghost status SITE` answered"),
        ("approve", "approval click answered"),
        ("begins", "approval click until its first step runs"),
    ):
        one, all_ = median(few[name]) * 1000, median(many[name]) * 1000
        found.add(
            f"{what}, {count} sites wait",
            f"median {all_:.0f} ms; with one {one:.0f} ms ({all_ / one:.2f} x)",
            "no slower than with one (at most 1.25 x)" if name != "begins" else "",
            all_ <= 1.25 * one if name != "begins" else None,
            median_ms=all_,
            one_median_ms=one,
            times=len(many[name]),
        )
    one, all_ = median(few["rest"]), median(many["rest"])
    found.add(
        f"processor at rest, {count} sites wait",
        f"{all_:.1f} % of a core; with one {one:.1f} %",
        percent=all_,
        one_percent=one,
    )
