"""A team in the local Slack, and the sites it releases: what the stories are told with."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from demo.stages import Opening, put_on_stage, tiny_opening
from demo.world import SiteInDemo, World, open_world
from release.ghost.admin_api import admin_token
from release.ghost.build import START_FILE
from release.ghost.platforms import WINDOWS
from release.model import Release, State
from release.records import Records, open_records

CHANNEL = "releases"
NEWEST = "6.4.0"
OLDER = "5.118.1"
# A stack of this name runs here too, so that there is one to come from.
OLD_NODE = 14


class Team:
    """People who type and click, and a look at what became of it in Slack, Azure and the records."""

    def __init__(self, world: World, opening: Opening) -> None:
        self.world = world
        self.opening = opening
        self._records: Records | None = None

    @property
    def cache(self) -> Path:
        """Where the bot keeps what it has built."""
        return self.opening.cache

    # -- sites ------------------------------------------------------------------------------------

    async def has_site(self, name: str, version: str = OLDER, slots: tuple[str, ...] = ("staging",)) -> str:
        """The site runs `version` with content; returns its Admin API key."""
        async with tiny_opening(version, NEWEST, self.opening.cache.parent, _quietly) as opening:
            return await put_on_stage(
                self.world, replace(opening, registry=self.opening.registry), name, slots
            )

    async def has_windows_site(self, name: str) -> str:
        """As `has_site`, on Windows: started by iisnode, and not by package.json."""
        async with tiny_opening(OLDER, NEWEST, self.opening.cache.parent, _quietly) as opening:

            async def fill(wwwroot: Path) -> str:
                key = await opening.fill(wwwroot)
                (wwwroot / "web.config").write_text(WINDOWS.files(START_FILE)["web.config"])
                return key

            await self.world.put_site(name, windows=True, slots=["staging"], running=False)
            return await put_on_stage(
                self.world, replace(opening, registry=self.opening.registry, fill=fill), name
            )

    async def slot_does(self, site: str, slot: str, action: str, **body: object) -> None:
        """kill-process, recycle-scm, webjob ...: the sandbox's own list."""
        url = f"{self.world.azure['control']}/sites/{site}/{slot}/{action}"
        answer = await self.world.http.post(url, json=body)
        assert answer.status_code < 400, answer.text

    async def azure_answers(self, **fault: object) -> None:
        """The next requests that match get this instead (method, path, host, status, hang, drop ...)."""
        answer = await self.world.http.post(f"{self.world.azure['control']}/faults", json=fault)
        assert answer.status_code < 400, answer.text

    async def azure_waits_to_disturb(self) -> bool:
        """Whether a fault still waits for its request."""
        answer = await self.world.http.get(f"{self.world.azure['control']}/faults")
        return bool(answer.json()["faults"])

    async def arm(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A call to ARM about a site, as somebody else in the portal would make it."""
        azure = self.world.azure
        token = await self.world.http.get(
            azure["identity_endpoint"],
            params={"resource": "https://management.azure.com/", "api-version": "2019-08-01"},
            headers={"X-IDENTITY-HEADER": azure["identity_header"]},
        )
        url = (
            f"{azure['arm']}/subscriptions/{azure['subscription']}/resourceGroups/{azure['resource_group']}"
            f"/providers/Microsoft.Web/sites/{path}"
        )
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        answer = await self.world.http.request(
            method, url, params={"api-version": "2025-05-01"}, json=body, headers=headers
        )
        assert answer.status_code < 400, answer.text
        return answer

    async def has_settings(self, site: str, slot: str, **settings: str) -> None:
        """The slot has these app settings besides those it has; it restarts."""
        path = site if slot == "production" else f"{site}/slots/{slot}"
        now = (await self.arm("POST", f"{path}/config/appsettings/list")).json()["properties"]
        await self.arm("PUT", f"{path}/config/appsettings", {"properties": {**now, **settings}})
        if slot == "production":
            await self.world.wait_until_well(site)

    async def writes_a_post(self, site: str, key: str, title: str) -> str:
        answer = await self.world.http.post(
            f"{await self.world.url(site)}/ghost/api/admin/posts/",
            params={"source": "html"},
            json={"posts": [{"title": title, "html": "<p>words</p>", "status": "published"}]},
            headers={"Authorization": f"Ghost {admin_token(key)}"},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["posts"][0]["slug"])

    async def asks_the_blog(
        self, site: str, key: str, method: str, path: str, **what: Any
    ) -> Any:  # Any: JSON
        """A call to the Admin API of production, as its editor makes it."""
        answer = await self.world.http.request(
            method,
            f"{await self.world.url(site)}/ghost/api/admin/{path}",
            headers={"Authorization": f"Ghost {admin_token(key)}"},
            **what,
        )
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def page(self, site: str, path: str, slot: str = "production") -> int:
        return (await self.world.http.get(await self.world.url(site, slot) + path)).status_code

    # -- people -----------------------------------------------------------------------------------

    async def types(self, person: str, text: str) -> dict[str, Any]:
        return await self.world.slack_does("type", **{"as": person, "channel": CHANNEL, "text": text})

    async def sees(
        self, person: str, text: str, button: str | None = None, seconds: float = 20
    ) -> dict[str, Any]:
        """Wait until the person sees a message with this text (and button)."""
        wish: dict[str, object] = {"as": person, "channel": CHANNEL, "contains": text, "timeout": seconds}
        if button is not None:
            wish["button"] = button
        return await self.world.slack_does("wait", **wish)

    async def clicks(self, person: str, message: dict[str, Any], button: str) -> dict[str, Any]:
        wish = {"as": person, "channel": CHANNEL, "ts": message["ts"], "text": button, "confirm": True}
        return await self.world.slack_does("click", **wish)

    async def rejects(self, person: str, card: dict[str, Any], why: str = "Not today") -> None:
        """Click Reject, and say why."""
        await self.clicks(person, card, "Reject")
        wish = {"as": person, "contains": "Why not?", "surface": "view", "timeout": 20}
        view = await self.world.slack_does("wait", **wish)
        submit = {"as": person, "view_id": view["id"], "values": {"reason": why}}
        await self.world.slack_does("submit", **submit)

    async def told(self, person: str) -> str:
        """Everything the person can read in the channel and its threads."""
        return "\n".join(str(message["plain"]) for message in await self.world.messages(person, CHANNEL))

    # -- releases ---------------------------------------------------------------------------------

    @property
    def records(self) -> Records:
        if self._records is None:
            self._records = open_records(self.world.records_url)
        return self._records

    async def last(self, site: str) -> Release:
        return (await self.records.history(site, limit=1))[0]

    async def reaches(
        self, site: str, *states: State, seconds: float = 90, after: Release | None = None
    ) -> Release:
        """Wait until the site's last release (a later one than `after`) is in one of `states`.

        Another end is a failure of the test.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            history = await self.records.history(site, limit=1)
            if history and after is not None and history[0].id == after.id:
                history = ()
            if history and history[0].state in states:
                return history[0]
            assert not history or history[0].state.is_open, f"{history[0].state}: {history[0].reason}"
            await asyncio.sleep(0.1)
        raise AssertionError(
            f"{site} is still {(await self.last(site)).state}; {_where(await self.last(site))}"
        )

    async def is_at(self, site: str, step: str, seconds: float = 60) -> None:
        """Wait until the site's release is in this step."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            history = await self.records.history(site, limit=1)
            if history and any(r.step == step and r.state == "running" for r in history[0].steps):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{site} never came to {step}; {_where(await self.last(site))}")

    async def has_asked_for_a_swap(self, site: str, seconds: float = 20) -> None:
        """Wait until Azure has been asked to swap the site's slots."""
        deadline = time.monotonic() + seconds
        while await self.world.swaps(site) == 0:
            assert time.monotonic() < deadline, "no swap was asked for"
            await asyncio.sleep(0.01)

    async def ask_for_approval(self, site: str, version: str = NEWEST) -> dict[str, Any]:
        """ann asks for an upgrade; returns the card ben sees, with its buttons."""
        await self.types("ann", f"/ghost upgrade {version} {site}")
        await self.reaches(site, State.AWAITING_APPROVAL)
        return await self.card(site, version)

    async def card(self, site: str, version: str = NEWEST) -> dict[str, Any]:
        release = await self.last(site)
        return await self.sees("ben", f"{site}: {release.from_version} → {version}", button="Approve")

    async def question(self, site: str, person: str = "ann", seconds: float = 40) -> dict[str, Any]:
        """What a rollback of the site would cost, as the person sees it, with its buttons."""
        return await self.sees(person, f"Roll {site} back: ", button="Roll back", seconds=seconds)

    async def rolls_back(self, site: str, person: str = "ann") -> dict[str, Any]:
        """The person asks for a rollback, sees its price and confirms; returns the question."""
        await self.types(person, f"/ghost rollback {site}")
        question = await self.question(site, person)
        await self.clicks(person, question, "Roll back")
        return question

    def close(self) -> None:
        if self._records is not None:
            self._records.close()


@asynccontextmanager
async def a_team(
    folder: Path,
    cache: Path,
    sites: Sequence[str],
    site_options: Mapping[str, object] | None = None,
    database_url: str | None = None,
    bots: Sequence[str] = ("bot",),
    options_of: Mapping[str, Mapping[str, object]] | None = None,
    **settings: object,
) -> AsyncIterator[Team]:
    """A sandbox, a bot that knows `sites` (none of them exists yet), and a team.

    `site_options` are those of all sites, `options_of` those of one. With `database_url`, a PostgreSQL, `bots` are
    replicas: each has a data folder of its own, but for the backups.
    """
    async with (
        tiny_opening(OLDER, NEWEST, cache, _quietly) as opening,
        open_world(folder, dict.fromkeys((opening.node_major, OLD_NODE), opening.node), 0.6) as world,
    ):
        team = Team(world, opening)
        options: dict[str, object] = {
            "probe_rate": 20,
            "watch_seconds": 0.5,
            "scm_seconds": 3,
            "start_seconds": 8,
            "deploy_seconds": 60,
            "backup_seconds": 20,
        }
        world.configure(
            [
                SiteInDemo(
                    name, options={**options, **(site_options or {}), **(options_of or {}).get(name, {})}
                )
                for name in sites
            ],
            cache_folder=str(opening.cache),
            npm_registry=opening.registry,
            **settings,
        )
        if database_url is not None:
            world.database_url = database_url
            (folder / "backups").mkdir()
            for bot in bots:
                (folder / bot).mkdir()
                (folder / bot / "backups").symlink_to(folder / "backups")
        await asyncio.gather(*(world.start_bot(bot) for bot in bots))
        try:
            yield team
        finally:
            team.close()


def _quietly(_text: str) -> None:
    """Progress nobody reads in a test."""


def _where(release: Release) -> str:
    return ", ".join(f"{record.step} {record.state}" for record in release.steps)
