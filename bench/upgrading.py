"""A whole upgrade of a real Ghost beside the usual pipeline as a script, and what visitors see of both."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from bench.az import signed_in
from bench.figures import Measured
from bench.place import (
    AS_SHIPPED,
    AZURE_LINE,
    AZURE_SWAP_SECONDS,
    LINE_BYTES,
    PATIENCE,
    Place,
    between,
    configure,
    staged,
    took,
)
from bench.seed import VISITORS, Script
from demo.stages import Opening, put_on_stage, real_opening
from demo.world import SiteInDemo, World, open_world
from release.ghost.cache import Cache
from release.ghost.npm import Npm, registry_of_user, user_environment
from release.model import ProbeSeen, Release, State, Step
from release.probe import Probe
from tests.stories.team import Team

BYTES = 1_000_000_000
EACH = 500_000
CHECKED_AGAIN = (Step.RECHECK, Step.CATCH_UP)


async def measure(place: Place) -> Measured:
    """The script, the bot with cold caches, and the bot that has built this version before, on a site each."""
    images = 100 if place.quick else BYTES // EACH
    found = Measured(f"A whole upgrade of a real Ghost, {images * EACH / 1e9:g} GB of images")
    npm = Npm(Cache(place.folder / "agent"), await registry_of_user(user_environment()))
    async with (
        real_opening(None, None, place.cache, place.tell) as opening,
        open_world(
            place.folder / "world", {opening.node_major: opening.node}, AZURE_SWAP_SECONDS, more=AZURE_LINE
        ) as world,
        signed_in(world.azure, place.folder / "az", place.cache) as az,
    ):
        place.tell(f"the script, from Ghost {opening.before} to {opening.after}")
        await _site(world, opening, "scripted", images)
        script = Script(world, opening, "scripted", npm, az, place.folder / "agent-work")
        await script.run()
        place.tell(f"the script: {script.steps}")
        await world.put_site("scripted", running=False)

        keys = {}
        for site in ("cold", "warm"):
            keys[site] = await _site(world, opening, site, images)
        configure(world, opening, ())
        world.configure(
            [SiteInDemo(site, key, PATIENCE) for site, key in keys.items()],
            cache_folder=str(place.folder / "cold-cache"),
            **AS_SHIPPED,
        )
        await world.start_bot()
        team = Team(world, opening)
        try:
            cold, seen = await _release(team, opening, "cold", place.tell)
            await world.put_site("cold", running=False)
            warm, again = await _release(team, opening, "warm", place.tell)
        finally:
            team.close()
    _tell(found, script, cold, warm)
    _visitors(found, script, seen, again)
    return found


async def _site(world: World, opening: Opening, name: str, images: int) -> str:
    key = await put_on_stage(world, opening, name)
    await asyncio.to_thread(_fill, await world.wwwroot(name) / "content" / "images", images)
    return key


def _fill(folder: Path, images: int) -> None:
    """Pictures that no packing makes smaller, by month."""
    for number in range(images):
        month = folder / str(2019 + number % 60 // 12) / f"{number % 12 + 1:02}"
        month.mkdir(parents=True, exist_ok=True)
        (month / f"picture-{number}.jpg").write_bytes(os.urandom(EACH))


async def _release(
    team: Team, opening: Opening, site: str, tell: Callable[[str], None]
) -> tuple[Release, ProbeSeen]:
    """A whole release; somebody approves at once. Visitors come all through, from the approval on."""
    tell(f"the bot, {site}")
    await staged(team, site, opening.after)
    card = await team.card(site, opening.after)
    async with Probe(team.world.http, await team.world.url(site), ("/",), rate=VISITORS) as visitors:
        await team.clicks("ben", card, "Approve")
        live = await team.reaches(site, State.LIVE, seconds=400)
    steps = {str(one.step): round(took(live, one.step), 1) for one in live.steps if one.ended_at}
    tell(f"the bot, {site}: {steps}")
    return live, visitors.seen()


def _tell(found: Measured, script: Script, cold: Release, warm: Release) -> None:
    baseline = sum(script.steps.values())
    for name, release, share in (("cold caches", cold, 0.5), ("version built before", warm, 0.25)):
        seconds = between(release, Step.PREFLIGHT, Step.VERIFY)
        ratio = seconds / baseline
        found.add(
            f"whole upgrade, {name}, until production is verified",
            f"{seconds:.0f} s; script {baseline:.0f} s ({ratio:.3f})",
            f"at most {share:g} of the script",
            ratio <= share,
            seconds=seconds,
            script_seconds=baseline,
            ratio=ratio,
        )
        if name == "cold caches":
            _floors(found, script, release, seconds)
        slowest = sorted(((took(release, step), step) for step in Step if _has(release, step)), reverse=True)
        parts = ", ".join(f"{step.replace('_', ' ')} {taken:.0f} s" for taken, step in slowest[:8])
        found.notes.append(f"{name}: {parts}.")
    steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in script.steps.items())
    found.notes.append(f"The script: {steps}.")
    found.notes.append(
        "Both wait 62 s for the swap itself. The script tests nothing, compares nothing, takes no look at late writes, "
        "leaves files, media and settings behind, and is spared the second npm install, on the server, that it has."
    )


def _floors(found: Measured, script: Script, release: Release, seconds: float) -> None:
    """What no way of doing it could do without, one after the other: to install, to migrate, to move, to swap.

    npm's install is no floor where another installer needs less: then what the bot's whole build took stands for it.
    """
    package, content = release.facts.package, release.facts.content
    npm, build = script.steps["npm install"], took(release, Step.BUILD)
    floors = {
        ("npm install alone" if npm < build else "the bot's build, at most"): min(npm, build),
        "the migration alone": script.steps["migration"],
        "the package up": (package.size if package else 0) / LINE_BYTES,
        "the images through the line": (content.copied_bytes if content else 0) / LINE_BYTES,
        "Azure's swap": AZURE_SWAP_SECONDS,
    }
    least = sum(floors.values())
    found.add(
        "the same, against the floors on its way",
        f"{seconds:.0f} s; floors {least:.0f} s ({seconds / least:.2f})",
        "at most 1.1 x the floors",
        seconds <= 1.1 * least,
        seconds=seconds,
        floors_seconds=least,
        ratio=seconds / least,
    )
    told = ", ".join(f"{name} {taken:.0f} s" for name, taken in floors.items())
    found.notes.append(
        f"The floors: {told}. Starting Ghost, tests and looks are not among them. npm install alone took {npm:.0f} s; "
        "the bot installs by the lock file that Ghost ships, and to install that way cannot take longer than its build."
    )


def _has(release: Release, step: Step) -> bool:
    return any(record.step == step for record in release.steps)


def _visitors(found: Measured, script: Script, seen: ProbeSeen, again: ProbeSeen) -> None:
    theirs = script.swap.seen() if script.swap else None
    if theirs is None:
        return
    requests, failed = seen.requests + again.requests, seen.failed + again.failed
    found.add(
        f"visitors at {VISITORS} requests a second, from the approval until production is verified, two releases",
        f"{failed} of {requests} failed, slowest {max(seen.slowest_ms, again.slowest_ms):.0f} ms; "
        f"script, during its swap: {theirs.failed} of {theirs.requests}, slowest {theirs.slowest_ms:.0f} ms",
        "0 failed",
        failed == 0,
        failed=failed,
        requests=requests,
        script_failed=theirs.failed,
        script_requests=theirs.requests,
    )
    failures = sorted({*seen.failures, *again.failures, *theirs.failures})
    if failures:
        found.notes.append(f"How visitors failed: {', '.join(failures)}.")
