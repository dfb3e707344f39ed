"""Every call x every mishap, each in a whole release: how it ended, and what was not as it has to be."""

import asyncio
import hashlib
import json
import random
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from release.errors import ReleaseError
from release.model import Release, State
from sandbox.appservice.records import PRODUCTION
from tests.faults.bench import NEW, OLD, Bench, Blog
from tests.faults.calls import CALLS, Call
from tests.faults.faults import MISHAPS, Mishap

FOR_EVER = 1_000_000
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Case:
    """A mishap that each of some calls meets `times` times, after its first `skip` went well."""

    calls: tuple[Call, ...]
    mishap: Mishap
    times: int = 1
    skip: int = 0

    def __str__(self) -> str:
        often = {1: "once", FOR_EVER: "for ever"}.get(self.times, f"{self.times} times")
        later = f" after {self.skip}" if self.skip else ""
        names = self.calls[0].name if len(self.calls) == 1 else f"{len(self.calls)} calls"
        return f"{names}: {self.mishap.name} {often}{later}"


@dataclass(frozen=True)
class Outcome:
    """How the release of a case ended. `broken` names every promise that was not kept."""

    case: Case
    ended: str
    told: str
    not_met: tuple[str, ...]
    seconds: float
    broken: tuple[str, ...]


def is_alone(call: Call, mishap: Mishap) -> bool:
    """Whether a mishap of this call may end the release, or hides later calls: it gets a release of its own.

    A swap is asked for once; a token that is refused is a matter of rights; a WebJob that Kudu will not run
    because of a conflict may have been switched off.
    """
    if call.name in ("GET a token", "POST staging/slotsswap"):
        return True
    return mishap.name == "409" and call.name.endswith("a run of the WebJob")


def cases_once(mishap: Mishap) -> tuple[Case, ...]:
    """A mishap of every call, once: those that a release outlives share one release a host."""
    calls = [call for call in CALLS if mishap.on(call)]
    hosts: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        if not is_alone(call, mishap):
            hosts.setdefault((call.host, call.slot if call.host == "scm" else ""), []).append(call)
    together = tuple(Case(tuple(some), mishap) for some in hosts.values())
    return together + tuple(Case((call,), mishap) for call in calls if is_alone(call, mishap))


def cases_for_ever(seed: int) -> tuple[Case, ...]:
    """Every call with one mishap for ever; which one turns with the seed."""
    found = []
    for number, call in enumerate(CALLS):
        some = [mishap for mishap in MISHAPS if mishap.on(call)]
        found.append(Case((call,), some[(number + seed) % len(some)], FOR_EVER))
    return tuple(found)


async def outcomes(bench: Bench, cases: Iterable[Case]) -> AsyncIterator[Outcome]:
    """Run the cases, some side by side, each on a blog of its own."""
    waiting = list(cases)
    while waiting:
        batch, waiting = waiting[:SIDE_BY_SIDE], waiting[SIDE_BY_SIDE:]
        async with bench.blogs(len(batch)) as blogs:
            running = [
                asyncio.create_task(_outcome(bench, blog, case))
                for blog, case in zip(blogs, batch, strict=True)
            ]
            for one in asyncio.as_completed(running):
                yield await one


async def at_random(bench: Bench, seconds: float, seed: int) -> AsyncIterator[Outcome]:
    """Cases by chance for so long: any call, any mishap, from any time on, once, a few times or for ever."""
    chance = random.Random(seed)  # noqa: S311 - which case comes next is no secret
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        batch = []
        for _ in range(SIDE_BY_SIDE):
            call = chance.choice(CALLS)
            mishap = chance.choice([mishap for mishap in MISHAPS if mishap.on(call)])
            times = chance.choice((1, 1, 2, 5, FOR_EVER))
            batch.append(Case((call,), mishap, times, chance.choice((0, 0, 1, 2, 5, 10))))
        async for outcome in outcomes(bench, batch):
            yield outcome


async def _outcome(bench: Bench, blog: Blog, case: Case) -> Outcome:
    before = await asyncio.to_thread(_kept, blog)
    faults = {
        call.name: blog.goes_wrong(
            call.slot,
            host=call.host,
            method=call.method,
            path=call.path,
            count=case.times,
            skip=case.skip,
            **case.mishap.fault,
        )
        for call in case.calls
    }
    started = time.monotonic()
    release = None
    try:
        release = await bench.upgrade(blog)
        ended, told = str(release.state), f"{release.reason or ''} {release.remedy or ''}".strip()
    except ReleaseError as error:
        ended, told = "refused", f"{error} {error.advice}"
    seconds = time.monotonic() - started
    not_met = tuple(name for name, fault in faults.items() if fault.count == case.times)
    for fault in faults.values():
        blog.is_well_again(fault)
    broken = [*await _promises(bench, blog, release, ended, before), *_clear(release, told)]
    return Outcome(case, ended, told, not_met, round(seconds, 1), tuple(broken))


# -- what has to be true ------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """What production holds: its version, digests of its rows and of its content."""

    version: str
    rows: str
    content: dict[str, str]


def _kept(blog: Blog) -> Kept:
    wwwroot = blog.wwwroot()
    with closing(sqlite3.connect(f"file:{wwwroot}/content/data/ghost.db?mode=ro", uri=True)) as database:
        tables = ("posts", "members", "tags", "settings")
        rows = {table: sorted(map(repr, database.execute(f"SELECT * FROM {table}"))) for table in tables}  # noqa: S608 - names from above
    return Kept(
        json.loads((wwwroot / "package.json").read_text())["version"],
        hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
        _content(wwwroot / "content"),
    )


def _content(folder: Path) -> dict[str, str]:
    files = [path for kind in ("images", "media", "files") for path in (folder / kind).rglob("*")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


async def _gone(folder: Path) -> bool:
    """A release has ended a moment before its folder is removed."""
    for _ in range(50):
        if not folder.exists():
            return True
        await asyncio.sleep(0.1)
    return False


async def _promises(bench: Bench, blog: Blog, release: Release | None, ended: str, before: Kept) -> list[str]:
    broken = []
    live = ended == State.LIVE
    if ended not in ("refused", State.LIVE, State.FAILED):
        broken.append(f"it is {ended}")
    now = await asyncio.to_thread(_kept, blog)
    if now.version != (NEW if live else OLD):
        broken.append(f"production holds {now.version}")
    if not live and now.rows != before.rows:
        broken.append("production's database changed")
    if now.content != before.content:
        broken.append("production's files changed")
    if not await blog.site.answers(PRODUCTION):
        broken.append("production does not answer")
    swaps = [event["event"] for event in blog.runtime.events].count("swap started")
    if swaps != (1 if live else 0):
        broken.append(f"{swaps} swaps")
    if blog.runtime.record.swap is not None:
        broken.append("a preview is left behind")
    for slot in blog.runtime.slots.values():
        if slot.record.app_settings.get("slot") != slot.name:
            broken.append(f"{slot.name} has settings of another slot")
    if await bench.records.open_release(blog.name) is not None:
        broken.append("the site is still held")
    if release is not None and not await _gone(bench.folders.work / release.id):
        broken.append("its work folder is left behind")
    return broken


_NO_WORDS = re.compile(
    r"<\w|Traceback|\b\w+(?:Error|Exception|Timeout|Response|Request)\b|\bNone\b|0x[0-9a-f]{6}"
)


def _clear(release: Release | None, told: str) -> Sequence[str]:
    """One message that says what happened and what to do, in words for people."""
    texts = [told]
    if release is not None:
        texts += [step.detail for step in release.steps]
        if release.state is State.FAILED and not (release.reason and release.remedy):
            return ["it does not say why, or what to do"]
    return [f"told: {text}" for text in texts if _NO_WORDS.search(text)]
