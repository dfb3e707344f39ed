"""Release notes: read over the wire, understood as Ghost writes them, kept, and never worth a failure."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from release.ghost.release_notes import (
    MOST_BYTES,
    GhostNotes,
    NoSuchNotes,
    NotesLimited,
    NotesUnreachable,
    read_notes,
)
from release.model import ReleaseNotes, WhatIsNew
from release.notes import IN_BETWEEN, NOT_THERE_SECONDS, UNREACHABLE_SECONDS, Notes
from release.records import Records, open_records
from tests.notes import GitHub, local_github

SECURE = "* 🔒 Fixed a hole - Ada"
# As Ghost writes them: the changes that its makers point out, most significant first, and where to read the rest.
USUAL = """\
* 🔒 Fixed `<script>` in a [comment's](https://example.com/a) name ([#123](https://github.com/x/y/123)) - Ada Lovelace
* ✨ Added **previews** for `custom_excerpt` (#124) - grace
* 🐛 Fixed see www.example.com - and more - Jean-Luc Picard
* 0123abc Bumped things - renovate[bot]
* ✨ Added **previews** for `custom_excerpt` (#124) - grace

---

View the changelog for full details: https://github.com/TryGhost/Ghost/compare/v1...v2

🪄 Love open source? We're hiring [JavaScript Engineers](https://careers.example.com/) to work on it
"""


class Clock:
    """The time, as the test says."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Reading:
    """Notes that are read from the local GitHub, with records and a clock."""

    def __init__(self, github: GitHub, records: Records) -> None:
        self.github = github
        self.records = records
        self.clock = Clock()
        self.notes = self.of_another()

    def of_another(self) -> Notes:
        """What another replica has: the same records, and a memory of its own."""
        return Notes(self.records, self.github.notes, self.clock)


@pytest.fixture
async def github() -> AsyncIterator[GitHub]:
    async with local_github() as found:
        yield found


@pytest.fixture
async def reading(github: GitHub, tmp_path: Path) -> AsyncIterator[Reading]:
    records = open_records(f"sqlite:///{tmp_path}/records.db")
    yield Reading(github, records)
    records.close()


# -- what they say ----------------------------------------------------------------------------------


def test_security_fixes_come_first_then_what_its_makers_point_out_and_the_rest_is_counted() -> None:
    assert read_notes("6.65.0", USUAL) == ReleaseNotes(
        "6.65.0",
        ("Fixed <script> in a comment's name",),
        ("✨ Added previews for custom_excerpt", "🐛 Fixed see - and more"),
        1,
    )


@pytest.mark.parametrize(
    "body",
    [
        "* Fixed CVE-2026-12345",
        "- 🐛 Fixed (GHSA-aaaa-bbbb-cccc)",
        "This release closes a vulnerability. Upgrade at once.",
        "### 🔒 Fixes\n\n* Something harmless",
        "+ Prevented XSS in titles",
    ],
)
def test_what_names_security_is_a_security_fix_wherever_it_stands(body: str) -> None:
    assert len(read_notes("6.65.0", body).security) == 1


def test_a_feature_of_ghost_that_sounds_like_a_hole_is_none() -> None:
    assert read_notes("6.65.0", "* 🐛 Fixed code injection in the editor - Ada") == ReleaseNotes(
        "6.65.0", (), ("🐛 Fixed code injection in the editor",)
    )


def test_what_is_below_the_next_heading_is_no_security_fix() -> None:
    found = read_notes("6.65.0", "### Security\n\n* One\n\n### Other\n\n* Two")
    assert found == ReleaseNotes("6.65.0", ("One",), (), 1)


def test_notes_that_point_nothing_out_are_empty() -> None:
    body = "This release contains fixes for minor bugs.\n\n---\n\nView the changelog: https://example.com"
    assert read_notes("6.65.0", body) == ReleaseNotes("6.65.0")


def test_endless_notes_are_cut_and_counted() -> None:
    found = read_notes("6.65.0", "\n".join(f"* ✨ Added {number} {'x' * 5000}" for number in range(500)))
    assert len(found.notable) == 20
    assert found.more == 480
    assert max(map(len, found.notable)) == 200


# -- over the wire ----------------------------------------------------------------------------------


async def test_the_notes_of_a_version_are_read(github: GitHub) -> None:
    await github.publishes("6.65.0", USUAL)
    assert (await github.notes.of("6.65.0", 0)).security == ("Fixed <script> in a comment's name",)
    with pytest.raises(NoSuchNotes, match=r"6\.64\.0"):
        await github.notes.of("6.64.0", 0)


async def test_the_end_of_the_hours_requests_is_told_apart(github: GitHub) -> None:
    await github.tells("PUT", "limit", requests=0)
    with pytest.raises(NotesLimited):
        await github.notes.of("6.65.0", 0)
    await github.breaks(status=429, headers={"retry-after": "120"})
    with pytest.raises(NotesLimited, match="120 seconds"):
        await github.notes.of("6.65.0", 0)
    await github.breaks(status=429, headers={"retry-after": "999999"})
    with pytest.raises(NotesLimited, match="3600 seconds"):
        await github.notes.of("6.65.0", 0)


@pytest.mark.parametrize(
    "how",
    [
        {"drop": True},
        {"status": 403, "text": "no"},
        {"status": 500},
        {"status": 301, "headers": {"location": "http://127.0.0.1:9/"}},
        {"status": 200, "text": "<html>sign in</html>"},
        {"status": 200, "text": "[]"},
        {"status": 200, "text": "[" * 100_000},
        {"status": 200, "text": json.dumps({"tag_name": "v6.64.0", "body": SECURE})},
        {"status": 200, "text": json.dumps({"tag_name": "v6.65.0", "body": "x" * MOST_BYTES})},
    ],
    ids=["cut off", "forbidden", "sick", "sent away", "a page", "a list", "deep", "another's", "huge"],
)
async def test_what_is_no_answer_is_an_error_of_ours(github: GitHub, how: dict[str, object]) -> None:
    await github.publishes("6.65.0", SECURE)
    await github.breaks(**how)
    with pytest.raises(NotesUnreachable):
        await github.notes.of("6.65.0", 0)
    assert (await github.notes.of("6.65.0", 0)).security, "well again"


async def test_notes_that_are_null_are_empty(github: GitHub) -> None:
    await github.breaks(status=200, text=json.dumps({"tag_name": "v6.65.0", "body": None}))
    assert await github.notes.of("6.65.0", 0) == ReleaseNotes("6.65.0")


async def test_nobody_there_is_an_error_of_ours(github: GitHub) -> None:
    nobody = GhostNotes(github.http, "http://127.0.0.1:9")
    with pytest.raises(NotesUnreachable, match="ConnectError"):
        await nobody.of("6.65.0", 0)


# -- kept -------------------------------------------------------------------------------------------


async def test_each_is_asked_for_once_whoever_asks(reading: Reading) -> None:
    await reading.github.publishes("6.65.0", USUAL)
    await reading.github.publishes("6.60.1", SECURE)
    await reading.github.publishes("6.64.0", "* 🐛 Fixed it - Ada")
    passes = ("6.60.1", "6.64.0")
    await reading.notes.learn("6.65.0", passes)
    await reading.notes.learn("6.65.0", passes)
    other = reading.of_another()
    await other.learn("6.65.0", passes)
    assert sorted(await reading.github.asked_for()) == ["6.60.1", "6.64.0", "6.65.0"]
    found = await other.known("6.65.0", passes)
    assert found == WhatIsNew(
        read_notes("6.65.0", USUAL), (ReleaseNotes("6.60.1", ("Fixed a hole",)),), unread=0
    )


async def test_of_many_versions_the_newest_are_asked_for_and_the_others_counted(reading: Reading) -> None:
    passes = tuple(f"6.{minor}.0" for minor in range(5, 45))
    for version in (*passes, "6.65.0"):
        await reading.github.publishes(version, SECURE)
    await reading.notes.learn("6.65.0", passes)
    asked = await reading.github.asked_for()
    assert sorted(asked) == sorted(["6.65.0", *passes[-IN_BETWEEN:]])
    found = await reading.notes.known("6.65.0", passes)
    assert found is not None
    assert [one.version for one in found.on_the_way] == list(reversed(passes[-IN_BETWEEN:]))
    assert found.unread == len(passes) - IN_BETWEEN


async def test_what_is_not_there_yet_is_asked_for_again_later_and_not_before(reading: Reading) -> None:
    await reading.notes.learn("6.65.0")
    await reading.github.publishes("6.65.0", SECURE)
    await reading.notes.learn("6.65.0")
    assert await reading.notes.known("6.65.0") is None
    reading.clock.now += NOT_THERE_SECONDS
    await reading.notes.learn("6.65.0")
    assert (await reading.notes.known("6.65.0")) == WhatIsNew(ReleaseNotes("6.65.0", ("Fixed a hole",)))


async def test_a_full_hour_is_waited_for(reading: Reading) -> None:
    await reading.github.publishes("6.65.0", SECURE)
    await reading.github.breaks(status=429, headers={"retry-after": "600"})
    await reading.notes.learn("6.65.0")
    reading.clock.now += 599
    await reading.notes.learn("6.65.0")
    assert len(await reading.github.asked_for()) == 1
    reading.clock.now += 1
    await reading.notes.learn("6.65.0")
    assert await reading.notes.known("6.65.0") is not None


async def test_why_there_are_none_is_in_the_log_once(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    await reading.github.publishes("6.65.0", SECURE)
    for _ in range(3):
        await reading.github.breaks(status=500)
        await reading.notes.learn("6.65.0")
        reading.clock.now += UNREACHABLE_SECONDS
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [getattr(record, "problem", "") for record in told] == [
        "The release notes could not be read: HTTP 500."
    ]


async def test_nobody_waits_long_for_a_slow_answer(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    await reading.github.publishes("6.64.0", SECURE)
    await reading.github.breaks(hang=3600, tag="v6.65.0")
    impatient = Notes(reading.records, reading.github.impatient, reading.clock)
    async with asyncio.timeout(60):
        await impatient.learn("6.65.0", ("6.64.0",))
    found = await reading.notes.known("6.65.0", ("6.64.0",))
    assert found is not None
    assert found.notes is None
    assert [one.version for one in found.on_the_way] == ["6.64.0"], "what came in time is kept"
    assert "no answer within" in " ".join(str(getattr(record, "problem", "")) for record in caplog.records)


async def test_who_wants_none_asks_nobody(reading: Reading) -> None:
    await reading.records.keep_release_notes(ReleaseNotes("6.65.0", ("Fixed",)))
    unwanted = Notes(reading.records, None)
    await unwanted.learn("6.65.0", ("6.64.0",))
    assert await unwanted.known("6.65.0") is None
    assert await reading.github.asked_for() == []


@pytest.mark.parametrize("version", ["6.65.0@main", "../../../user", "6.65.0-ours"])
async def test_what_is_no_version_of_ghost_is_not_asked_for(reading: Reading, version: str) -> None:
    await reading.notes.learn(version)
    assert await reading.notes.known(version) is None
    assert await reading.github.asked_for() == []
