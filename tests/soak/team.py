"""The people of one site: they ask, decide, change their minds, and try again when nobody answers."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from demo.world import SandboxRefused, World
from release.model import Kind, Release, State
from release.records import Records
from tests.soak.plan import Answer, Ask, Episode, People, Watch
from tests.soak.site import SeenSite

ASK_SECONDS = 90
"""How long somebody goes on asking for the same thing before they want something else."""
LOOK = 0.3
NO_DECISION = ("cancel", "open", "rollback")
"""Buttons that decide nothing that is waiting. The rollback button of a live release starts a release of its own."""

NO = ("reject", "keep_version")


@dataclass
class Ended:
    """A release from begin to end as people and Azure saw it. `swaps` are Azure's, while it was open."""

    release: Release
    episode: Episode
    before: str
    after: str
    swaps: int


@dataclass
class Team:
    """The people of one site, one thing after another."""

    world: World
    records: Records
    site: SeenSite
    wishes: People
    newest: str
    ended: list[Ended] = field(default_factory=list)
    never_begun: list[str] = field(default_factory=list)
    asked: int = 0
    clicks_in_vain: int = 0

    async def work(self, no_more: asyncio.Event) -> None:
        """Releases one after another until `no_more` is set; the last one is seen to its end."""
        while not no_more.is_set():
            before = await self.site.version()
            episode = self.wishes.next(newest_is_live=before == self.newest)
            release = await self._begin(episode, no_more)
            if release is None:
                continue
            release = await self._see_to_its_end(release, episode)
            swaps = [at for at in await self.site.swaps() if at >= release.asked_at]
            self.ended.append(Ended(release, episode, before, await self.site.version(), len(swaps)))

    # -- asking -----------------------------------------------------------------------------------

    async def _begin(self, episode: Episode, no_more: asyncio.Event) -> Release | None:
        """Ask until there is a new release; None when nothing came of it."""
        last = await self._newest()
        deadline = time.monotonic() + ASK_SECONDS
        self.asked += 1
        while time.monotonic() < deadline and not no_more.is_set():
            await self._asks(episode, last)
            for _ in range(10):
                await asyncio.sleep(LOOK)
                found = await self._newest()
                if found is not None and (last is None or found.id != last.id):
                    return found
        if not no_more.is_set():
            self.never_begun.append(f"{self.site.name}: {episode.ask}")
        return None

    async def _newest(self) -> Release | None:
        history = await self.records.history(self.site.name, limit=1)
        return history[0] if history else None

    async def _asks(self, episode: Episode, last: Release | None) -> None:
        name = self.site.name
        match episode.ask:
            case Ask.UPGRADE:
                await self._types(f"/ghost upgrade {self.newest} {name}")
            case Ask.ROLLBACK:
                buttons = await self._buttons(last, "rollback") if last and episode.by_button else []
                if buttons:
                    await self._clicks("ben", *buttons[-1])
                else:
                    await self._types(f"/ghost rollback {name}")
            case Ask.RESTORE:
                backups = await self.records.backups(name, limit=None)
                old = [backup for backup in backups if backup.version != self.newest]
                if old:
                    await self._types(f"/ghost restore {old[0].id} {name}")
            case Ask.BACKUP:
                await self._types(f"/ghost backup {name}")
            case Ask.VERIFY:
                await self._types(f"/ghost backup --verify {name}")

    async def _types(self, text: str) -> None:
        try:
            await self.world.slack_does("type", **{"as": "ann", "channel": self.site.channel, "text": text})
        except SandboxRefused:
            self.clicks_in_vain += 1

    # -- deciding ---------------------------------------------------------------------------------

    async def _see_to_its_end(self, release: Release, episode: Episode) -> Release:
        """Press what there is to press, as the episode wants it, until the release has ended."""
        began = time.monotonic()
        while release.state.is_open:
            await asyncio.sleep(LOOK)
            release = await self.records.release(release.id)
            if not release.state.is_open:
                break
            if release.is_watched:
                await self._watches(release, episode.watch)
            if episode.answer is Answer.CANCEL and time.monotonic() - began > episode.cancel_after:
                if release.cancel_asked_by is None:
                    await self._cancels(release, episode)
                # Too late to cancel: then whatever is asked is answered with yes.
                await self._decides(release, Answer.APPROVE)
            elif episode.answer is not Answer.CANCEL:
                await self._decides(release, episode.answer)
        return release

    async def _cancels(self, release: Release, episode: Episode) -> None:
        buttons = await self._buttons(release, "cancel") if episode.by_button else []
        if buttons:
            await self._clicks("ben", *buttons[-1])
        else:
            await self._types(f"/ghost cancel {release.site}")
        await asyncio.sleep(1)

    async def _watches(self, release: Release, watch: Watch) -> None:
        """Press one of the buttons that are there while a live release is watched, or none."""
        found = [one for one in await self._buttons(release, watch) if one[1]["action_id"] == watch]
        if found:
            await self._clicks("ben", *found[-1])
            await asyncio.sleep(1)

    async def _decides(self, release: Release, answer: Answer) -> None:
        """Press the button that decides, if the release waits for one. Whoever asked leaves it to the others."""
        if release.state is not State.AWAITING_APPROVAL or answer is Answer.NOBODY:
            return
        deciding = [
            (message, control)
            for message, control in await self._buttons(release)
            if not str(control["action_id"]).startswith(NO_DECISION)
        ]
        no = [one for one in deciding if str(one[1]["action_id"]).startswith(NO)]
        yes = [one for one in deciding if one not in no]
        if answer is Answer.REJECT and no:
            await self._clicks("ben", *no[-1])
            if str(no[-1][1]["action_id"]).startswith("reject"):
                await self._says_why("ben")
        elif yes and answer is Answer.BOTH:
            # Of a rollback whoever releases decides, of all else whoever approves.
            other = "ann" if release.kind is Kind.ROLLBACK else "cleo"
            await asyncio.gather(self._clicks("ben", *yes[-1]), self._clicks(other, *yes[-1]))
        elif yes:
            await self._clicks("ben", *yes[-1])
        if deciding:
            await asyncio.sleep(1)

    async def _says_why(self, person: str) -> None:
        """Answer the question that a rejection opens; the bot may be dead, and then there is none."""
        wish = {"as": person, "contains": "Why not?", "surface": "view", "timeout": 5}
        try:
            view = await self.world.slack_does("wait", **wish)
            await self.world.slack_does(
                "submit", **{"as": person, "view_id": view["id"], "values": {"reason": "Not today"}}
            )
        except SandboxRefused:
            self.clicks_in_vain += 1
            await self.world.slack_does("close", **{"as": person})

    async def _buttons(
        self, release: Release, action: str = ""
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The buttons of a release's thread whose action begins like this, oldest message first."""
        sent = {message.part: message for message in await self.records.messages(release.id)}
        if "parent" not in sent:
            return []
        query = {"as": "ben", "channel": self.site.channel, "thread_ts": sent["parent"].ts}
        answer = await self.world.http.get(f"{self.world.slack['control']}messages", params=query)
        return [
            (message, control)
            for message in answer.json()["messages"]
            for control in message["buttons"]
            if str(control["action_id"]).startswith(action)
        ]

    async def _clicks(self, person: str, message: dict[str, Any], control: dict[str, Any]) -> None:
        wish = {
            "as": person,
            "channel": self.site.channel,
            "ts": message["ts"],
            "action_id": control["action_id"],
            "confirm": True,
        }
        try:
            answer = await self.world.slack_does("click", **wish)
        except SandboxRefused:  # the button has gone meanwhile
            self.clicks_in_vain += 1
        else:
            self.clicks_in_vain += not answer.get("ok", True)
