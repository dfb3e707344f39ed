"""The scripted user: types the commands and clicks the buttons a team would, and the terminal shows the thread."""

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

import httpx
from rich.console import Console

from demo.world import SandboxRefused, World
from release.ghost.admin_api import admin_token

CHANNEL = "releases"
WRITTEN = "Written while the approval waited"
_PLAN = re.compile(r"^\d+ of \d+ steps done")
UPGRADE_SECONDS = 1500
DECISION_SECONDS = 400


class Disappointed(Exception):
    """The scripted user did not see what a release should show; the text says what."""


@dataclass
class Story:
    """What happened, for the result."""

    late_post: str | None = None
    late_post_live: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


async def play(world: World, site: str, version: str, admin_key: str | None, console: Console) -> Story:
    """Backup, upgrade, a post while people decide, approval, swap, rollback. Raises Disappointed."""
    story = Story()
    feed = asyncio.create_task(_scroll(world, console))
    try:
        await _timed(story, "backup", _backup(world))
        await _timed(story, "stage", _upgrade(world, version))
        if admin_key:
            story.late_post = await _write_post(world, site, admin_key)
            console.print(f'[dim]A post is written to production: "{WRITTEN}"[/dim]')
        await _timed(story, "approve, swap and verify", _approve(world, version))
        if story.late_post:
            story.late_post_live = await _is_live(world, site, story.late_post)
        await _say(world, "cleo", "/ghost status")
        await _timed(story, "roll back", _roll_back(world))
        await asyncio.sleep(1)  # the last lines of the thread
    finally:
        feed.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feed
    return story


async def _timed(story: Story, name: str, part: Awaitable[None]) -> None:
    start = time.monotonic()
    await part
    story.seconds[name] = round(time.monotonic() - start, 1)


async def _say(world: World, person: str, text: str) -> None:
    await world.slack_does("type", **{"as": person, "channel": CHANNEL, "text": text})


async def _backup(world: World) -> None:
    await _say(world, "ann", "/ghost backup")
    await _sees(world, "ann", r"is backed up", DECISION_SECONDS)


async def _upgrade(world: World, version: str) -> None:
    await _say(world, "ann", f"/ghost upgrade {version}")
    await _sees(world, "ben", rf"{re.escape(version)}", UPGRADE_SECONDS, button="Approve")


async def _approve(world: World, version: str) -> None:
    card = await _sees(world, "ben", rf"{re.escape(version)}", 10, button="Approve")
    await _click(world, "ben", card, "Approve")
    await _sees(world, "ben", rf"is live on {re.escape(version)}", DECISION_SECONDS, button="Rollback")


async def _roll_back(world: World) -> None:
    result = await _sees(world, "ann", r"is live on", 10, button="Rollback")
    await _click(world, "ann", result, "Rollback")
    question = await _sees(world, "ann", r"^Roll .+ back: ", DECISION_SECONDS, button="Roll back")
    await _click(world, "ann", question, "Roll back")
    await _sees(world, "ann", r"is back on", DECISION_SECONDS)


async def _click(world: World, person: str, message: dict[str, object], label: str) -> None:
    await world.slack_does(
        "click",
        **{"as": person, "channel": CHANNEL, "ts": message["ts"], "text": label, "confirm": True},
    )


async def _sees(
    world: World, person: str, pattern: str, seconds: float, button: str | None = None
) -> dict[str, object]:
    """Wait for a message; a release that fails meanwhile ends the wait at once."""
    wish: dict[str, object] = {"as": person, "channel": CHANNEL, "regex": pattern}
    if button is not None:
        wish["button"] = button
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(SandboxRefused):
            return await world.slack_does("wait", **wish, timeout=2)
        for message in await world.messages(person, CHANNEL):
            if re.search(r"\bfailed\.|could not|did nothing", str(message["plain"])):
                raise Disappointed(str(message["plain"]))
    raise Disappointed(f"{person} waited {seconds:.0f} s for a message like {pattern!r}")


async def _write_post(world: World, site: str, admin_key: str) -> str:
    """A visitor-visible post in production, through Ghost's own Admin API; returns its path."""
    url = await world.url(site)
    answer = await world.http.post(
        f"{url}/ghost/api/admin/posts/",
        params={"source": "html"},
        json={
            "posts": [
                {"title": WRITTEN, "html": "<p>Nothing of this may be lost.</p>", "status": "published"}
            ]
        },
        headers={"Authorization": f"Ghost {admin_token(admin_key)}"},
    )
    if answer.status_code != 201:
        raise Disappointed(f"production did not take a new post: HTTP {answer.status_code}")
    return f"/{answer.json()['posts'][0]['slug']}/"


async def _is_live(world: World, site: str, path: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await world.http.get(await world.url(site) + path)).status_code == 200
    return False


async def _scroll(world: World, console: Console) -> None:
    """Print each new message once, as the people in the channel see it."""
    seen: set[str] = set()
    while True:
        with contextlib.suppress(httpx.HTTPError, SandboxRefused):
            for message in await world.messages("ann", CHANNEL):
                if str(message["ts"]) not in seen:
                    seen.add(str(message["ts"]))
                    _print(message, console)
        await asyncio.sleep(0.3)


def _print(message: dict[str, object], console: Console) -> None:
    who = str(message.get("user_name") or "ghostbot")
    lines = [line for line in str(message["plain"]).splitlines() if line.strip()] or [""]
    # The plan of a release is for the page, where it is updated in place; here its steps scroll by.
    first, *rest = list(itertools.takewhile(lambda line: not _PLAN.search(line), lines)) or [""]
    mark = "  └ " if message.get("thread_ts") not in (None, message["ts"]) else ""
    console.print(f"[bold]{who:>9}[/bold]  {mark}", end="", highlight=False)
    console.print(first, markup=False, highlight=False)
    for line in rest[:12]:
        console.print(f"{'':>9}  {'    ' if mark else ''}{line}", markup=False, highlight=False)
