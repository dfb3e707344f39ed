"""What is new is told where people decide about it; foreign words do no harm there, and lacking them stops nothing."""

import json
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.render.message import SECTION, Message
from bot.render.notes import JOINER, inert, what_is_new
from bot.render.notice import version_notice
from release.ghost.release_notes import read_notes
from release.model import SiteVersions, Versions, WhatIsNew
from release.notes import NOT_THERE_SECONDS, UNREACHABLE_SECONDS, Notes
from tests.bot.conftest import Team
from tests.bot.limits import assert_slack_takes
from tests.notes import GitHub, local_github

SECURE = """\
* 🔒 Fixed a hole in comments (#1) - Ada
* ✨ Added <!channel> previews for @here - Grace
* 🐛 Fixed it - Ada
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Reader:
    """A team whose bot reads notes from the local GitHub; the time is the test's."""

    def __init__(self, team: Team, github: GitHub) -> None:
        self.team = team
        self.github = github
        self.clock = Clock()

    async def looks(self, *new: str) -> None:
        """What the bot does every hour."""
        versions = await self.team.releases.versions(None)
        await self.team.bot.notices.announce(versions, *new)
        await self.team.bot.notices.add_notes(versions)


@pytest.fixture
async def reader(team: Team) -> AsyncIterator[Reader]:
    async with local_github() as github:
        found = Reader(team, github)
        team.notes = Notes(team.records, github.notes, found.clock)
        await team.stop_bot()
        await team.start_bot()
        yield found


async def test_a_notice_tells_security_fixes_first_and_pings_nobody(reader: Reader) -> None:
    await reader.github.publishes("6.65.0", SECURE)
    await reader.looks("6.65.0")
    notice = await reader.team.sees("Ghost 6.65.0 is out, with security fixes.", button="Upgrade blog")
    words = str(notice["plain"]).replace(JOINER, "")
    assert (
        words.index("Security fixes")
        < words.index("Fixed a hole in comments")
        < words.index("Added <!channel> previews for @here")
        < words.index("blog runs 6.40.0")
    )
    (sent,) = await reader.team.calls("chat.postMessage")
    for dangerous in ("<!channel", "@here", "@channel"):
        assert dangerous not in json.dumps(sent["arguments"], ensure_ascii=False)


async def test_a_notice_names_security_fixes_of_versions_in_between(reader: Reader) -> None:
    await reader.github.publishes("6.65.0", "* 🐛 Fixed it - Ada")
    await reader.github.publishes("6.64.0", "* 🔒 Fixed an old hole - Ada")
    await reader.looks("6.65.0")
    await reader.team.sees("Security fixes in versions in between")
    await reader.team.sees("6.64.0: Fixed an old hole")


async def test_without_notes_the_notice_comes_all_the_same_and_they_are_added_later(reader: Reader) -> None:
    await reader.github.breaks(status=500)
    await reader.looks("6.65.0")
    await reader.team.sees("Ghost 6.65.0 is out.", button="Upgrade blog", without="Fixed a hole")
    await reader.github.publishes("6.65.0", SECURE)
    reader.clock.now += max(UNREACHABLE_SECONDS, NOT_THERE_SECONDS)
    await reader.looks("6.65.0")
    await reader.team.sees("Fixed a hole in comments", button="Upgrade blog")
    assert len(await reader.team.calls("chat.postMessage")) == 1
    updates = len(await reader.team.calls("chat.update"))
    asked = len(await reader.github.asked_for())
    reader.clock.now += NOT_THERE_SECONDS - 1
    await reader.looks("6.65.0")
    assert len(await reader.team.calls("chat.update")) == updates, "told once"
    assert len(await reader.github.asked_for()) == asked, "asked once"


async def test_a_closed_notice_is_short(reader: Reader) -> None:
    await reader.github.publishes("6.65.0", SECURE)
    await reader.looks("6.65.0")
    reader.team.blog.versions["production"] = "6.65.0"
    await reader.team.bot.notices.close_outdated(await reader.team.releases.versions(None))
    await reader.team.sees("Every site runs it", without="Fixed a hole")


async def test_the_card_tells_what_is_new_and_the_rest_of_it_stays(team: Team) -> None:
    release = await team.starts_upgrade()
    new = WhatIsNew(read_notes("6.65.0", SECURE), (read_notes("6.64.0", "* 🔒 Fixed an old hole"),), unread=2)
    await team.records.note(release.id, new=new)
    await team.engine.stages(release.id, "6.40.0", "6.65.0")
    shown = str((await team.sees("Approve blog", button="Approve"))["plain"])
    for words in (
        "What is new",
        "Fixed a hole in comments",
        "6.64.0: Fixed an old hole",
        "The notes of 2 versions in between were not read.",
        "No content lost",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("This release contains fixes.", "Its notes name no change in particular."),
        ("* Bumped it", "1 small change, none that is pointed out."),
        ("* ✨ Added it\n* Bumped it", "• ✨ Added it\n• and 1 more change"),
    ],
)
def test_quiet_notes_are_told_as_such(body: str, told: str) -> None:
    assert what_is_new(WhatIsNew(read_notes("6.65.0", body))) == told


# -- whatever they say ------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(
            "<!channel>",
            "<!here|x>",
            "<@U0ANN000>",
            "<#C1>",
            "<https://evil.example|ok>",
            "@channel",
            "@here",
        ),
        *(
            "#general",
            "https://evil.example/x",
            "evil.example",
            "[ok](https://evil.example)",
            "![x](y)",
            "www.x.y",
        ),
        *(
            "* ",
            "- ",
            "# ",
            "\n",
            "\n* 🔒 ",
            "\n* ✨ ",
            "***",
            "```",
            "`",
            "~~",
            "_",
            "__a__",
            "security",
            "&amp;",
            "&",
        ),
        *(
            "\u202e",
            "\u200b",
            "\x00",
            "\ud800",
            "\r",
            "\u2028",
            "é",
            "👩‍💻",
            " - Ada",
            "(#1)",
            ":tada:",
            "|",
            ">",
            "<",
        ),
    ]
)
BODIES = st.lists(PIECES | st.text(max_size=8), max_size=60).map("".join)
NEW = st.builds(
    WhatIsNew,
    st.none() | BODIES.map(lambda body: read_notes("6.65.0", body)),
    st.lists(BODIES.map(lambda body: read_notes("6.64.0", "* security " + body)), max_size=25).map(tuple),
    st.integers(0, 100),
)
SITES = tuple(SiteVersions(f"site-{number}", "6.40.0", "6.65.0", 25) for number in range(5))


def texts_of(message: Message) -> list[str]:
    """Everything in it that Slack reads as mrkdwn."""
    found = [message.text]
    for block in message.blocks:
        parts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        found += [part["text"] for part in parts if part and part.get("type") == "mrkdwn"]
    return found


@settings(max_examples=int(os.environ.get("GHOSTBOT_FUZZ_EXAMPLES", "100")), deadline=None)
@example(WhatIsNew(None, (read_notes("6.64.0", "* security éhttps://evil.example/x"),)))
@given(NEW)
def test_nothing_that_notes_say_can_ping_or_link_or_break_a_message(new: WhatIsNew) -> None:
    told = what_is_new(new)
    told.encode()
    assert len(told) <= SECTION
    assert "<" not in told
    assert ">" not in told
    for line in told.splitlines():
        for sign in ("@channel", "@here", "#general", "://", "www.x", "evil.example", ":tada:"):
            assert sign not in line
        style = line.removeprefix(":lock: ")
        assert "`" not in style
        assert "~" not in style
        assert "*" not in style or (style.startswith("*") and style.endswith("*") and style.count("*") == 2)
    without = version_notice("6.65.0", Versions(("6.65.0",), SITES))
    notice = version_notice("6.65.0", Versions(("6.65.0",), SITES), new=new)
    assert_slack_takes(notice)
    for text in texts_of(notice):
        assert text.count("<") == text.count(">")
    assert [block["type"] for block in notice.blocks] == [block["type"] for block in without.blocks]
    assert "site-4 runs 6.40.0" in notice.text, "sites are never cut off"


@given(st.text(max_size=300))
def test_inert_words_are_read_as_they_were_written(text: str) -> None:
    plain = text.replace(JOINER, "")
    shown = inert(plain).replace(JOINER, "")
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == " ".join(plain.split())
