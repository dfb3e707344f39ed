"""Whatever a release holds, Slack takes the messages made of it."""

import math
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.render.home import Seen, home_view
from bot.render.message import Message, clip, duration, escape, joined, size
from bot.render.notice import version_notice
from bot.render.replies import refusal, reply, usage_error
from bot.render.simpler import simplified
from bot.threads import LOG, messages_of
from commands import COMMANDS
from commands.command import HelpReply, HistoryReply, StatusReply, UsageError, VersionsReply
from release.errors import NotPermitted
from release.model import Approval, Release, SiteStatus, SiteVersions, StepRecord, Versions
from tests.bot.limits import assert_slack_takes

# Few letters, and the dangerous ones among them, so that they meet often.
FOREIGN = st.one_of(
    st.text(alphabet="ab&<>!@|*`é👻 \n", max_size=80),
    st.just("<!channel> & <@U1> " * 20),
    st.just(""),
)
ENDLESS = st.just("<!channel> & <@U1> " * 400)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
NUMBERS = st.floats(min_value=0, max_value=1e9)
FACTS = {str: FOREIGN, datetime: TIMES, float: NUMBERS}
IDS = st.text(alphabet="abcdef0123456789-", min_size=1, max_size=16)


for kind, strategy in FACTS.items():
    st.register_type_strategy(kind, strategy)

STEPS = st.lists(st.builds(StepRecord, detail=FOREIGN | ENDLESS), max_size=15, unique_by=lambda one: one.step)
RELEASES: st.SearchStrategy[Release] = st.builds(
    Release, id=IDS, steps=STEPS.map(tuple), reason=FOREIGN | ENDLESS, remedy=FOREIGN | ENDLESS
)
NUMBERED = st.tuples(*[st.integers(0, 9)] * 3).map(lambda three: ".".join(map(str, three)))
SITES = st.builds(
    SiteVersions,
    current=st.none() | NUMBERED,
    newest=NUMBERED,
    behind=st.integers(0, 1000),
    ahead=st.lists(NUMBERED, max_size=3).map(tuple),
)
RELAXED = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@RELAXED
@given(RELEASES, st.none() | st.builds(Approval, id=IDS), st.lists(IDS, max_size=4))
def test_slack_takes_every_message_of_a_release(
    release: Release, approval: Approval | None, approvers: list[str]
) -> None:
    wanted = messages_of(release, approval, approvers)
    lines = [message for part, message in wanted.items() if part.startswith(LOG)]
    for message in [*wanted.values(), *([joined(lines)] if lines else [])]:
        assert_slack_takes(message)
        assert_slack_takes(simplified(message))
        assert "plan" not in {block["type"] for block in simplified(message).blocks}


@RELAXED
@given(st.builds(Versions, sites=st.lists(SITES, max_size=30).map(tuple)), NUMBERED)
def test_slack_takes_every_notice(versions: Versions, version: str) -> None:
    for skipped_by in (None, "U0ANN000001"):
        assert_slack_takes(version_notice(version, versions, skipped_by))


@RELAXED
@given(
    st.lists(
        st.builds(SiteStatus, open_release=st.none() | RELEASES, last_release=st.none() | RELEASES),
        max_size=3,
    ),
    st.lists(RELEASES, max_size=3),
    st.builds(Versions),
)
def test_slack_takes_every_answer(
    sites: list[SiteStatus], releases: list[Release], versions: Versions
) -> None:
    answers: list[Message] = [
        reply(StatusReply(tuple(sites)), "/ghost"),
        reply(HistoryReply(None, tuple(releases)), "/ghost"),
        reply(VersionsReply(versions), "/ghost"),
    ]
    for message in answers:
        assert_slack_takes(message)
    view = home_view(Seen(tuple(sites), tuple(releases)), "U0ANN000001", "/ghost")
    assert_slack_takes(Message("home", tuple(view["blocks"])[:50]))


def test_slack_takes_help_and_refusals() -> None:
    assert_slack_takes(reply(HelpReply(COMMANDS), "/ghost"))
    for command in COMMANDS:
        assert_slack_takes(reply(HelpReply((command,)), "/ghost"))
        assert_slack_takes(usage_error(UsageError("<!channel>" * 1000), command, "/ghost"))
    assert_slack_takes(refusal(NotPermitted("<!here>" * 1000, "&" * 5000), "/ghost"))


@given(st.text(alphabet="ab&<>", max_size=40), st.integers(min_value=1, max_value=40))
def test_clipped_text_ends_in_no_half_entity(text: str, limit: int) -> None:
    clipped = clip(escape(text), limit)
    assert len(clipped) <= limit
    for entity in clipped.split("&")[1:]:
        assert entity.startswith(("amp;", "lt;", "gt;"))


def test_a_clipped_mention_disappears_as_a_whole() -> None:
    assert clip("asked by <@U0ANN000001>", 15) == "asked by …"


@given(st.floats(min_value=0, max_value=1e12))
def test_durations_and_sizes_are_short(seconds: float) -> None:
    assert len(duration(seconds)) < 20
    assert len(size(math.floor(seconds))) < 20


def test_durations_read_well() -> None:
    assert [duration(one) for one in (0.44, 9.99, 12, 60, 200, 3600, 90000, 500000)] == [
        "0.4 s",
        "10.0 s",
        "12 s",
        "1 min",
        "3 min 20 s",
        "1 h 0 min",
        "25 h 0 min",
        "6 days",
    ]
