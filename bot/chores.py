"""What the bot does by itself, each thing again and again: looks whether something is due, and does it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bot import heartbeat
from bot.notices import Notices
from bot.reminders import Reminders
from bot.schedule import Schedule
from bot.settings import Settings
from bot.threads import Threads
from release.ahead import Ahead
from release.chores import Chores
from release.errors import ReleaseError
from release.pictures import Camera, NoBrowser, Photographer, found_browser
from release.records import Records
from release.releases import Releases
from release.site import Site
from release.stuck import Watchman

log = logging.getLogger(__name__)
Chore = Callable[[], Coroutine[Any, Any, None]]

SCHEDULE_SECONDS = 2.0
LOOK_SECONDS = 5
SWEEP_SECONDS = 600


@dataclass(frozen=True)
class Hands:
    """Who does it."""

    settings: Settings
    sites: Mapping[str, Site]
    records: Records
    releases: Releases
    chores: Chores
    threads: Threads
    notices: Notices
    schedule: Schedule
    reminders: Reminders
    ahead: Ahead


def for_all(hands: Hands, stop: asyncio.Event) -> dict[str, Chore]:
    """Of several replicas one does these; another takes its place when it goes."""
    due: dict[str, tuple[float, Chore]] = {
        "expiry": (LOOK_SECONDS, hands.releases.expire_approvals),
        "schedule": (SCHEDULE_SECONDS, hands.schedule.look),
        "skips": (LOOK_SECONDS, hands.notices.follow_skips),
        "reminders of versions": (LOOK_SECONDS, hands.reminders.look),
        "reminders": (LOOK_SECONDS, hands.releases.remind_approvers),
        "freezes": (LOOK_SECONDS, hands.releases.tell_freezes),
        "old slots": (LOOK_SECONDS, hands.chores.stop_old_slots),
        "stuck releases": (LOOK_SECONDS, Watchman(hands.sites, hands.records).look),
        "versions": (hands.settings.look_for_versions_minutes * 60, lambda: _look_for_versions(hands)),
    }
    photographer = _photographer(hands)
    if photographer is not None:
        due["pictures"] = (LOOK_SECONDS, photographer.look)
    return {"threads": lambda: hands.threads.run(stop)} | _repeated(due, stop)


def of_its_own(hands: Hands, stop: asyncio.Event) -> dict[str, Chore]:
    """Each replica does these for itself."""
    return _repeated(
        {
            "work folders": (LOOK_SECONDS, hands.chores.sweep_work),
            "old backups": (SWEEP_SECONDS, hands.chores.remove_old_backups),
            "heartbeat": (heartbeat.SECONDS, lambda: _beat(hands.settings)),
        },
        stop,
    )


async def again(seconds: float, chore: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Do a chore now and every so often until `stop`; one that fails is logged and tried again next time."""
    while not stop.is_set():
        try:
            await chore()
        except ReleaseError as error:
            log.warning("a chore failed", extra={"problem": str(error)})
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()


def _repeated(due: Mapping[str, tuple[float, Chore]], stop: asyncio.Event) -> dict[str, Chore]:
    def repeat(seconds: float, chore: Chore) -> Chore:
        return lambda: again(seconds, chore, stop)

    return {name: repeat(seconds, chore) for name, (seconds, chore) in due.items()}


def _photographer(hands: Hands) -> Photographer | None:
    """None where there is no browser, or none is wanted."""
    try:
        browser = found_browser(hands.settings.browser)
    except NoBrowser as error:
        log.warning("approval cards have no pictures", extra={"why": str(error), "remedy": error.advice})
        return None
    if browser is None:
        return None
    camera = Camera(browser, hands.settings.data_folder.resolve() / "pictures")
    return Photographer(hands.sites, hands.records, camera)


async def _look_for_versions(hands: Hands) -> None:
    """Announce the newest versions that sites are behind, stage them where a site does so by itself, and build them."""
    versions = await hands.releases.versions(None)
    if not versions.newest:
        return  # no site runs Ghost
    await hands.notices.look(versions)
    if hands.settings.slack.channel is not None:
        await hands.releases.stage_new(versions, hands.settings.slack.channel)
    if hands.settings.build_ahead:
        await hands.ahead.build(versions)


async def _beat(settings: Settings) -> None:
    heartbeat.beat(settings.data_folder)
