"""Release notes, read once for all replicas and kept: of a version, and of those that a site leaps over with it."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence

from release.errors import ReleaseError
from release.ghost.release_notes import GhostNotes, NoSuchNotes, NotesLimited, NotesUnreachable
from release.model import WhatIsNew
from release.records import Records
from release.version import Version

log = logging.getLogger(__name__)

SECONDS = 6.0
"""So long whoever needs them waits; what is not there by then is told without."""
AT_ONCE = 5
IN_BETWEEN = 20
NOT_THERE_SECONDS = 1800.0
UNREACHABLE_SECONDS = 300.0


class Notes:
    """`source` None means that nobody wants them. Of what could not be read the log says so once."""

    def __init__(
        self, records: Records, source: GhostNotes | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = records
        self._source = source
        self._clock = clock
        self._not_before = 0.0
        self._not_there: dict[str, float] = {}  # until when those versions are not asked for
        self._said = ""

    async def learn(self, version: str, passes: Sequence[str] = ()) -> None:
        """Ask for what is not known yet of the version and of the newest it passes, for `SECONDS` at most.

        Raises nothing: what cannot be had is not known, and is asked for again by a later call.
        """
        source = self._source
        wanted = [one for one in _looked_at(version, passes) if re.fullmatch(r"\d+\.\d+\.\d+", one)]
        if source is None:
            return
        known = await self._records.release_notes(wanted)
        turns = asyncio.Semaphore(AT_ONCE)

        async def ask(one: str) -> None:
            async with turns:
                if self._clock() >= max(self._not_before, self._not_there.get(one, 0)):
                    await self._read(source, one)

        try:
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*(ask(one) for one in wanted if one not in known))
        except TimeoutError:
            self._say("not all could be read in time")

    async def _read(self, source: GhostNotes, version: str) -> None:
        try:
            notes = await source.of(version, self._clock())
        except NoSuchNotes as error:
            if version not in self._not_there:
                log.info("no release notes yet", extra={"version": version, "problem": str(error)})
            self._not_there[version] = self._clock() + NOT_THERE_SECONDS
        except NotesLimited as error:
            self._wait(float(error.args[0]), error)
        except NotesUnreachable as error:
            self._wait(UNREACHABLE_SECONDS, error)
        else:
            self._said = ""
            await self._records.keep_release_notes(notes)

    def _wait(self, seconds: float, error: ReleaseError) -> None:
        self._not_before = max(self._not_before, self._clock() + seconds)
        self._say(str(error))

    def _say(self, why: str) -> None:
        if why != self._said:
            log.warning("release notes could not be read: messages only link to them", extra={"problem": why})
        self._said = why

    async def known(self, version: str, passes: Sequence[str] = ()) -> WhatIsNew | None:
        """What is known by now, without asking anybody; None for nothing at all, or where nobody wants it."""
        if self._source is None:
            return None
        found = await self._records.release_notes([version, *passes])
        if not found:
            return None
        on_the_way = [found[one] for one in _newest_first(passes) if one in found and found[one].security]
        unread = sum(one not in found for one in passes)
        return WhatIsNew(found.get(version), tuple(on_the_way), unread)


def _looked_at(version: str, passes: Sequence[str]) -> list[str]:
    return [version, *_newest_first(passes)[:IN_BETWEEN]]


def _newest_first(versions: Sequence[str]) -> list[str]:
    return sorted(versions, key=Version.parse, reverse=True)
