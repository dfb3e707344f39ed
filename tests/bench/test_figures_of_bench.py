"""What the bench makes of what it saw: which visitors count, what lies between two steps, and copies that wait."""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from bench.__main__ import found_by, verdict
from bench.answering import rounds_while
from bench.figures import Measured, as_told, in_words, machine
from bench.fleet import Run
from bench.place import Place
from bench.report import BEGIN, END, has_place, in_readme, page
from bench.resting import INSIDE, blocking
from bench.visiting import Visit, before_and_during, window
from bench.waiting import copy_waiting, forget
from bench.waves import Wave, all_staged, overheads
from demo.world import DidNotStart
from release.model import Kind, Release, State, Step, StepState
from release.records import Records, open_records
from tests.stories.team import Team

NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)


async def a_waiting_release(records: Records) -> Release:
    release = await records.create(Kind.UPGRADE, "blog", "ann", "C1", version="6.4.0")
    for step in (Step.PREFLIGHT, Step.BACK_UP):
        await records.begin_step(release.id, step)
        await records.step(release.id, step, StepState.DONE, "done")
    await records.note(release.id, reminded_at=NINE)
    await records.ask(release.id, timedelta(days=1))
    await records.remember_message(release.id, "parent", "C1", "1.0", "digest")
    return await records.release(release.id)


def test_visitors_who_still_wait_when_a_window_begins_count_in_it() -> None:
    visits = [Visit(1.0, 0.01, True), Visit(9.9, 0.5, True), Visit(10.5, 0.02, False), Visit(20.0, 3.0, True)]
    seen = window(visits, 10, 20)
    assert (seen.requests, seen.failed, seen.slowest_ms) == (2, 1, 500)


def test_who_hangs_at_a_swap_counts_in_it_and_not_in_the_time_before_the_next_one() -> None:
    hangs = Visit(19.0, 30.0, False)
    visits = [Visit(5.0, 0.01, True), hangs, Visit(25.0, 0.02, True), Visit(45.0, 0.03, True)]
    then, swap = before_and_during(visits, (10, 20), 32)
    assert (then.slowest_ms, swap.failed, swap.slowest_ms) == (10, 1, 30_000)
    then, _ = before_and_during(visits, (40, 60), 32)
    assert (then.requests, then.slowest_ms) == (1, 20)


def test_a_window_without_visitors_is_no_window_without_failures() -> None:
    with pytest.raises(DidNotStart):
        window([Visit(1.0, 0.01, True)], 10, 20)


async def test_what_lies_between_two_steps_is_counted_from_the_last_one_that_ended_before(
    tmp_path: Path,
) -> None:
    with closing(open_records(f"sqlite:///{tmp_path}/records.db")) as records:
        release = await a_waiting_release(records)
    began = {
        Step.PREFLIGHT: 0,
        Step.BACK_UP: 1010,
        Step.BUILD: 1030,
        Step.CHECK_THEME: 5040,
    }
    steps = tuple(
        replace(record, started_at=NINE + timedelta(milliseconds=began[record.step]))
        if record.step in began
        else replace(record, started_at=None)
        for record in release.steps
    )
    ended = {
        name: NINE + timedelta(milliseconds=at)
        for name, at in (("preflight", 1000), ("back_up", 2000), ("build", 5000), ("smoke_test", 9000))
    }
    assert overheads(replace(release, steps=steps), ended) == [10, 30, 40]


class Orders:
    """A team's records, and a Slack that takes orders: each runs after a while, and waits after another."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.world = self
        self.working: list[asyncio.Task[None]] = []
        self.runs = False

    async def slack_does(self, action: str, **wish: object) -> None:
        assert action == "type"
        site = str(wish["text"]).split()[-1]
        release = await self.records.create(Kind.UPGRADE, site, "ann", "C1", version="6.4.0")
        self.working.append(asyncio.create_task(self._staged(release)))

    async def _staged(self, release: Release) -> None:
        await asyncio.sleep(0.3)
        await self.records.begin_step(release.id, Step.PREFLIGHT)
        self.runs = True
        await asyncio.sleep(0.3)
        await self.records.ask(release.id, timedelta(days=1))


async def test_all_is_staged_when_the_last_one_waits_and_no_command_is_typed_before_the_first_one_runs(
    tmp_path: Path,
) -> None:
    with closing(open_records(f"sqlite:///{tmp_path}/records.db")) as records:
        orders, typed_early = Orders(records), []

        async def typed(_: web.Request) -> web.Response:
            typed_early.append(not orders.runs)
            return web.json_response({"ok": True})

        slack = web.Application()
        slack.router.add_post("/type", typed)
        async with TestServer(slack) as server, aiohttp.ClientSession() as http:
            control = str(server.make_url("/"))
            staged = await all_staged(cast("Team", orders), http, control, ["one", "two"], 3, pause=60)
    assert typed_early == [False] * 3
    assert len(staged.answers) == 3
    assert [release.site for release in staged.releases] == ["one", "two"]
    assert 0.6 <= staged.seconds < 5


async def test_rounds_count_that_lie_between_the_begin_of_all_and_the_end_of_one() -> None:
    begun, ends = asyncio.Event(), asyncio.Event()
    asked: list[bool] = []

    async def works(until: asyncio.Event) -> None:
        await until.wait()

    async def all_run() -> bool:
        if begun.is_set():
            return True
        begun.set()
        return False

    async def ask() -> tuple[list[float], list[float]]:
        asked.append(begun.is_set())
        if len(asked) == 3:
            ends.set()
            await asyncio.sleep(0.01)
        return [float(len(asked))], [0.0]

    running = [asyncio.create_task(works(ends)) for _ in range(2)]
    rounds = await rounds_while(running, all_run, ask, pause=0.01)
    assert asked == [True] * 3
    assert rounds == [([1.0], [0.0]), ([2.0], [0.0])], "one ended during the third"


async def test_copies_of_a_waiting_release_wait_as_it_does_and_go_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    with closing(open_records(url)) as records:
        release = await a_waiting_release(records)
        await records.mark_told(release.id, release.revision)
        copies = copy_waiting(url, release.id, ["one", "two"])
        assert {one.site for one in await records.waiting()} == {"blog", "one", "two"}
        copied = await records.open_release("one")
        assert copied is not None
        assert (copied.state, copied.steps, copied.facts) == (
            State.AWAITING_APPROVAL,
            release.steps,
            release.facts,
        )
        assert not await records.releases_to_tell()
        forget(url, copies)
        assert [one.release for one in await records.waiting()] == [release.id]
        assert await records.open_release("one") is None


BUSY = """
import asyncio, time
async def holds():
    for _ in range(14):
        await asyncio.sleep(0.1)
    time.sleep(0.03)
    await asyncio.sleep(0)
asyncio.run(holds())
"""


def test_what_holds_an_event_loop_is_seen_and_a_watch_that_is_not_there_is_no_good_news(
    tmp_path: Path,
) -> None:
    watched, found = tmp_path / "blocking.jsonl", Measured("watched")
    blocking(found, watched, 1, 0)
    assert found.incomplete
    assert not found.rows[0].reached
    variables = {**os.environ, "PYTHONPATH": str(INSIDE), "BENCH_BLOCKING_FILE": str(watched)}
    with subprocess.Popen([sys.executable, "-c", BUSY], env=variables) as busy:
        assert busy.wait(60) == 0
    found = Measured("watched")
    blocking(found, watched, busy.pid, 0)
    assert not found.incomplete
    assert "(holds)" in found.rows[0].measured
    assert found.rows[0].figures["callbacks"] > 5
    for pid, since in ((busy.pid, time.time() + 60), (busy.pid + 1, 0)):
        found = Measured("watched")
        blocking(found, watched, pid, since)
        assert found.incomplete


@pytest.mark.parametrize(
    ("minutes", "bounded", "said"), [(39, True, False), (41, True, True), (41, False, False)]
)
def test_a_whole_that_took_too_long_says_so(minutes: int, bounded: bool, said: bool) -> None:
    parts = {
        "one": Measured("one", seconds=30 * 60),
        "other": Measured("other", seconds=(minutes - 30) * 60),
    }
    text = io.StringIO()
    verdict(parts, Console(file=text), bounded)
    assert f"in {minutes}.0 minutes" in text.getvalue()
    assert ("more than 40 minutes" in text.getvalue()) is said


def test_what_could_not_be_measured_is_a_target_missed_and_the_part_is_not_complete() -> None:
    part = Measured("Two waves")
    part.add("the first wave", "20 s")
    assert not part.incomplete
    part.lacks("the second wave", "it broke off", "all staged")
    assert part.incomplete
    assert [(row.measured, row.reached) for row in part.rows][1:] == [("not measured: it broke off", False)]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (subprocess.CalledProcessError(1, "pip"), "CalledProcessError"),
        (json.JSONDecodeError("Expecting value", "", 0), "Expecting value"),
        (KeyError("slack"), "KeyError: 'slack'"),
        (DidNotStart("no port"), "DidNotStart: no port"),
    ],
)
async def test_a_part_that_fails_says_why_and_the_others_go_on(
    tmp_path: Path, error: Exception, said: str
) -> None:
    async def fails(place: Place) -> Measured:
        raise error

    told: list[str] = []
    found = await found_by(fails, "failing", Place(tmp_path, tmp_path, True, told.append), 5)
    assert found.incomplete
    assert said in found.rows[0].measured
    assert "Traceback" in told[0]


async def test_a_part_that_does_not_end_is_ended(tmp_path: Path) -> None:
    async def hangs(place: Place) -> Measured:
        await asyncio.Event().wait()
        return Measured("never")

    found = await found_by(hangs, "hanging", Place(tmp_path, tmp_path, True, lambda _: None), 0.01)
    assert "TimeoutError" in found.rows[0].measured


def test_a_fleet_that_lost_a_wave_is_told_by_those_it_has() -> None:
    waves = {
        1: Wave(2, 10, 20.0, 12.0, (), (), (6, 4), (), ()),
        3: Wave(2, 10, 30.0, 18.0, (), (), (7, 3), (), ()),
    }
    run = Run(2, waves, lost=["wave 2: broke off"])
    assert (run.sites, run.seconds, run.processor, run.spread) == (20, 50.0, 1.5, [13, 7])


def test_a_part_that_was_measured_on_another_machine_says_on_which() -> None:
    here = machine()
    one = Measured("One", commit="abc", machine=in_words(here))
    two = Measured("Two", commit="def", machine="1 x slower, 4 GB, Linux")
    text = page(as_told(here, {"one": one, "two": two}))
    assert text.count("on another machine: 1 x slower, 4 GB, Linux.") == 1
    assert text.count(in_words(here)) == 1


def test_the_readme_shows_what_has_a_target_and_says_what_was_measured_again() -> None:
    one, two = Measured("One", seconds=60, commit="abc", at="now"), Measured("Two", seconds=120, commit="abc")
    one.add("quick enough", "1 s", "under 2 s", reached=True)
    one.add("told beside", "3 s")
    two.add("too slow", "4 s", "under 2 s", reached=False)
    readme = f"# Title\n\n{BEGIN}\nold\n{END}\n\n## Limits\n"
    assert has_place(readme)
    assert not has_place("# Title\n")
    text = in_readme(readme, as_told(machine(), {"one": one, "two": two}), ("one", "two"))
    assert "in 3 minutes, now at abc: 1 of 2 targets reached" in text
    assert "| quick enough | 1 s | under 2 s | reached |" in text
    assert "| too slow | 4 s | under 2 s | not reached |" in text
    assert "told beside" not in text
    assert "old" not in text.replace("told", "")
    assert text.startswith("# Title\n\n")
    assert text.endswith("\n\n## Limits\n")
    lost, quick = Measured("Lost", commit="abc"), Measured("Quick", commit="abc", quick=True)
    lost.lacks("lost", "it fell over")
    quick.add("small enough", "1 MB", "under 2 MB", reached=True)
    text = in_readme(text, as_told(machine(), {"lost": lost, "quick": quick}), ("lost", "quick"))
    assert "smaller and fewer (`--quick`): quick: 1 of 2 targets reached" in text
    assert "| lost | not measured: it fell over |  | not reached |" in text
    three = Measured("Three", commit="def", at="later")
    long = Measured("Long", seconds=6000, commit="def", at="later")
    long.add("not in the usual run", "lost", "all", reached=False)
    told = as_told(machine(), {"one": one, "two": two, "three": three, "long": long})
    text = in_readme(text, told, ("one", "two", "three"))
    assert "in 3 minutes, now at abc, three again at def: 1 of 2" in text
    assert "not in the usual run" not in text
