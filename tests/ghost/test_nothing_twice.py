"""Two real Ghosts on copies of one database: everything is published once and mailed once, and no write is lost.

One blog on 6.50 goes to 6.65 and back; posts with newsletters come due while staging waits, in the swap, and on
the way back. Webhooks count the publications, a local Mailgun and a local mail server the mails: whichever of the
two Ghosts acts, it is seen here. Minutes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.stages import put_on_stage, real_opening, settings_of
from demo.world import SiteInDemo, World, open_world
from release.ghost.admin_api import admin_token
from release.ghost.cache import default_cache_folder
from release.model import State, Step
from tests.ghost.post_office import PostOffice, open_post_office
from tests.stories.team import Team

SITE = "harbour"
OLD, NEW = "6.50.0", "6.65.0"
FAR = timedelta(days=2)
MEMBERS = 40
OPTIONS = {"close_writes": True, "scheduled_minutes": 1.5, "watch_seconds": 1, "probe_rate": 1}


@dataclass
class Blog:
    """One slot of the blog, spoken to through its Admin API."""

    url: str
    key: str
    http: httpx.AsyncClient

    async def asks(self, verb: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.http.request(
            verb,
            f"{self.url}/ghost/api/admin/{path}",
            headers={"Authorization": f"Ghost {admin_token(self.key)}"},
            **more,
        )
        assert answer.status_code < 300, (answer.status_code, answer.text[:500])
        told: dict[str, Any] = answer.json()
        return told

    async def schedules(self, title: str, newsletter: str | None) -> str:
        """A post for the day after tomorrow; returns its id."""
        draft = {"posts": [{"title": title, "html": f"<p>{title}, in full.</p>"}]}
        post = (await self.asks("POST", "posts/?source=html", json=draft))["posts"][0]
        query = f"?newsletter={newsletter}&email_segment=all" if newsletter else ""
        change = {
            "status": "scheduled",
            "published_at": _time(datetime.now(UTC) + FAR),
            "updated_at": post["updated_at"],
        }
        await self.asks("PUT", f"posts/{post['id']}/{query}", json={"posts": [change]})
        return str(post["id"])

    async def brings_forward(self, post: str, due: datetime) -> None:
        now = (await self.asks("GET", f"posts/{post}/"))["posts"][0]
        change = {"published_at": _time(due), "updated_at": now["updated_at"], "status": "scheduled"}
        await self.asks("PUT", f"posts/{post}/", json={"posts": [change]})

    async def status(self, post: str) -> str:
        return str((await self.asks("GET", f"posts/{post}/"))["posts"][0]["status"])

    async def titles(self) -> set[str]:
        found: set[str] = set()
        page: int | None = 1
        while page:
            told = await self.asks("GET", f"posts/?limit=100&page={page}&fields=title")
            found |= {post["title"] for post in told["posts"]}
            page = told["meta"]["pagination"]["next"]
        return found

    async def asks_for_a_sign_in_link(self, address: str) -> int:
        token = (await self.http.get(f"{self.url}/members/api/integrity-token/")).text
        answer = await self.http.post(
            f"{self.url}/members/api/send-magic-link/",
            json={"email": address, "emailType": "signup", "integrityToken": token},
        )
        return answer.status_code


@dataclass
class Authors:
    """What authors who never stop writing were answered."""

    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    otherwise: list[str] = field(default_factory=list)


@pytest.mark.ghost
@pytest.mark.timeout(1500)
async def test_everything_is_published_and_mailed_once_and_no_write_is_lost(tmp_path: Path) -> None:
    cache = default_cache_folder()
    async with (
        open_post_office() as office,
        real_opening(OLD, NEW, cache, lambda _: None) as opening,
        open_world(tmp_path, {opening.node_major: opening.node}, swap_seconds=4) as world,
    ):
        key = await put_on_stage(world, opening, SITE)
        await _has_mail(world, office)
        team = Team(world, opening)
        world.configure([SiteInDemo(SITE, key, OPTIONS)], cache_folder=str(cache))
        await world.start_bot()
        try:
            production = Blog(await world.url(SITE), key, world.http)
            staging = Blog(await world.url(SITE, "staging"), key, world.http)
            hook = {"event": "post.published", "target_url": f"{office.url}/published", "name": "counted"}
            await production.asks("POST", "webhooks/", json={"webhooks": [hook]})
            newsletter = (await production.asks("GET", "newsletters/"))["newsletters"][0]["slug"]
            names = ("While staging waits", "In the swap", "After the swap")
            posts = {name: await production.schedules(name, newsletter) for name in names}
            await team.types("ann", f"/ghost upgrade {NEW} {SITE}")
            await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=400)
            card = await team.card(SITE, NEW)

            await _while_staging_waits(production, staging, office, posts["While staging waits"])
            await _in_the_swap(team, production, office, posts["In the swap"], card)
            await _after_the_swap_and_back(team, production, staging, office, posts["After the swap"])
            for name in names:
                assert office.published[name] == 1, name
                assert len(office.newsletters[name]) == MEMBERS, name
                assert set(office.newsletters[name].values()) == {1}, name
            assert len(office.letters) == 1, office.letters
        finally:
            team.close()


async def _while_staging_waits(production: Blog, staging: Blog, office: PostOffice, post: str) -> None:
    """The post comes due on both slots; a reader asks both for a sign-in link."""
    due = datetime.now(UTC) + timedelta(seconds=12)
    await staging.brings_forward(post, due)
    await production.brings_forward(post, due)
    await _eventually(lambda: _is_out(office, "While staging waits"), "the post is out", 60)
    assert await production.status(post) == "published"
    assert await production.asks_for_a_sign_in_link("one@example.com") == 201
    assert await staging.asks_for_a_sign_in_link("two@example.com") >= 400
    await _eventually(lambda: _has(office.letters), "the letter has arrived", 20)
    assert await staging.status(post) == "scheduled"


async def _in_the_swap(
    team: Team, production: Blog, office: PostOffice, post: str, card: dict[str, Any]
) -> None:
    """The next one would come due in the swap, which waits; and authors write all the time."""
    await production.brings_forward(post, datetime.now(UTC) + timedelta(seconds=25))
    async with _writing_all_the_time(production) as authors:
        await team.clicks("ben", card, "Approve")
        await team.sees("ann", "waits for “In the swap”, scheduled for", seconds=60)
        assert await team.world.swaps(SITE) == 0
        release = await team.reaches(SITE, State.LIVE, seconds=400)
        before = len(authors.accepted)
        await _eventually(lambda: _has(authors.accepted[before:]), "production takes writes again", 20)
    assert "waited for “In the swap”" in release.step(Step.CATCH_UP).detail
    assert await production.status(post) == "published"
    assert authors.otherwise == []
    assert authors.refused > 0
    assert set(authors.accepted) <= await production.titles()
    assert release.facts.writes_closed_seconds is not None
    assert release.facts.left_behind is not None
    assert not release.facts.left_behind.anything, release.facts.left_behind
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0, release.facts.probe.failures
    assert office.published["In the swap"] == 1


async def _after_the_swap_and_back(
    team: Team, production: Blog, old_slot: Blog, office: PostOffice, post: str
) -> None:
    """It comes due on the new version and on the old slot, which then comes back and finds it overdue."""
    await team.world.wait_until_well(SITE, "staging")
    due = datetime.now(UTC) + timedelta(seconds=12)
    await old_slot.brings_forward(post, due)
    await production.brings_forward(post, due)
    await _eventually(lambda: _is_out(office, "After the swap"), "the post is out", 60)
    upgrade = await team.last(SITE)
    await team.types("ann", f"/ghost rollback {SITE}")
    await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=120, after=upgrade)
    await team.clicks("ben", await team.question(SITE, "ben"), "Roll back")
    await team.reaches(SITE, State.ROLLED_BACK, seconds=200, after=upgrade)
    assert await team.world.version(SITE) == OLD
    # A Ghost publishes what is overdue as soon as it has booted; this one has, and had another while to do it.
    await asyncio.sleep(10)
    assert await production.status(post) == "scheduled"


async def _has_mail(world: World, office: PostOffice) -> None:
    """Both slots have the mail settings of production, as a slot has that was cloned from it."""

    async def settings(slot: str) -> dict[str, str]:
        return {
            **await settings_of(world, SITE, slot),
            "mail__options__port": str(office.mail_port),
            "mail__options__secure": "false",
            "mail__options__ignoreTLS": "true",
            "bulkEmail__mailgun__baseUrl": f"{office.url}/v3",
            "bulkEmail__mailgun__domain": "mailgun.example.com",
            "bulkEmail__mailgun__apiKey": "key-of-the-test",
            "security__allowWebhookInternalIPs": "true",
        }

    await world.put_site(
        SITE,
        production={"settings": await settings("production"), "running": True},
        slots={"staging": {"settings": await settings("staging"), "running": False}},
    )
    await world.wait_until_well(SITE)


@asynccontextmanager
async def _writing_all_the_time(blog: Blog) -> AsyncIterator[Authors]:
    told = Authors()

    async def author(number: int) -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            for turn in range(100_000):
                title = f"Author {number}, post {turn}"
                try:
                    answer = await client.post(
                        f"{blog.url}/ghost/api/admin/posts/?source=html",
                        json={"posts": [{"title": title, "html": "<p>words</p>", "status": "draft"}]},
                        headers={"Authorization": f"Ghost {admin_token(blog.key)}"},
                    )
                except httpx.HTTPError as error:
                    told.otherwise.append(type(error).__name__)
                    continue
                if answer.status_code == 201:
                    told.accepted.append(title)
                elif answer.status_code == 503 and "X-Ghostbot-Closed" in answer.headers:
                    told.refused += 1
                else:
                    told.otherwise.append(f"HTTP {answer.status_code}: {answer.text[:200]}")
                await asyncio.sleep(0.5)

    tasks = [asyncio.create_task(author(number)) for number in range(2)]
    try:
        yield told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _is_out(office: PostOffice, title: str) -> bool:
    return office.published[title] > 0 and sum(office.newsletters.get(title, {}).values()) >= MEMBERS


async def _has(things: list[str]) -> bool:
    return bool(things)


async def _eventually(check: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.2)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
