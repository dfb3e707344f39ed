"""The one place that tells releases to Slack: makes its messages match the records, whatever happened before.

Nothing is queued: what should be seen follows from the records alone, so a restart, a slow Slack or a
429 only delays it, and the newest state always wins. A release never waits for Slack. A message whose
answer got lost is looked for before it is posted again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.attachments import CHART, Attachments
from bot.pace import ALLOWED, Bucket, Pace
from bot.posted import find, marked
from bot.refusals import (
    GONE,
    TOO_RICH,
    Away,
    Later,
    is_about_a_file,
    is_limited,
    is_silent,
    retry_after,
    slack_error,
)
from bot.render.approval import broken_glass, card, no_longer_asked, reminder
from bot.render.message import Message, joined, typed
from bot.render.release import log_line, parent
from bot.render.result import result
from bot.render.rollback import rollback_card
from bot.render.simpler import simplified
from bot.render.stuck import stuck_messages
from bot.render.watch import sick_message, watch_message
from release.model import Approval, Picture, Release, SentMessage, State, Verdict
from release.records import Records
from release.usual import expected_at

log = logging.getLogger(__name__)

PARENT = "parent"
LOG = "log:"
APPROVAL = "approval"
REMINDER = "reminder"
GLASS = "glass"
WATCH = "watch"
SICK = "sick"
RESULT = "result"
STUCK = "stuck:"
FOR_THE_CHANNEL = (REMINDER, GLASS, WATCH, SICK, STUCK, RESULT)

LOOK_AGAIN = 5.0
"""Seconds after which the records are looked at even if nothing in this process changed them."""
LOOK_AGAIN_SHARED = 1.0
"""The same, where other replicas change them too."""
FILE_SECONDS = 2.0
FILE_TRIES = 15
"""How often a message is tried whose pictures Slack has not looked through yet."""
GIVE_UP_AFTER = timedelta(days=1)
"""A release that ended this long ago and still cannot be told is left untold."""


def messages_of(
    release: Release,
    approval: Approval | None,
    approvers: Sequence[str],
    expected: datetime | None = None,
    pictures: Sequence[Picture] = (),
    slash: str = "/ghost",
) -> dict[str, Message]:
    """Every message the release should have by now, by its part, in the order they are posted.

    `expected` is when it is expected to ask, or to be over; `pictures` are those that Slack has; `slash` is what the
    command is called here.
    """
    wanted = {PARENT: parent(release, approval, expected)}
    finished = [record for record in release.steps if record.ended_at is not None]
    for record in sorted(finished, key=lambda record: record.ended_at or release.asked_at):
        line = log_line(record)
        if line is not None:
            wanted[f"{LOG}{record.step}"] = line
    # The two are read one after the other: of a release that was read before its question, the facts are not whole.
    if approval is not None and release.state is not State.STAGING:
        asked_back = release.kind.goes_back
        wanted[APPROVAL] = (
            rollback_card(release, approval) if asked_back else card(release, approval, approvers, pictures)
        )
        if release.facts.reminded_at is not None and approval.verdict is Verdict.PENDING:
            wanted[REMINDER] = reminder(release, approval, approvers)
        elif release.facts.reminded_at is not None:
            wanted[REMINDER] = no_longer_asked(release, approval)
        glass = broken_glass(release, approval)
        if glass is not None:
            wanted[GLASS] = glass
    for part, told in ((WATCH, watch_message(release)), (SICK, sick_message(release))):
        if told is not None:
            wanted[part] = told
    wanted |= stuck_messages(release)
    ending = result(release, approval)
    if ending is not None:
        wanted[RESULT] = ending
    return {part: typed(message, slash, (release.site,)) for part, message in wanted.items()}


def bundles(
    wanted: Mapping[str, Message], sent: Mapping[str, SentMessage]
) -> list[tuple[tuple[str, ...], Message]]:
    """The messages as they are posted: log lines that wait together go as one message, and stay one.

    A line whose post was never heard of again stands alone: two of them may be in two messages.
    """
    together: dict[str, list[str]] = {}
    for part in wanted:
        line = (sent[part].ts or part) if part in sent else "lines not posted yet"
        together.setdefault(line if part.startswith(LOG) else part, []).append(part)
    return [(tuple(parts), joined([wanted[part] for part in parts])) for parts in together.values()]


def client_of_threads(token: str, api_url: str) -> AsyncWebClient:
    """A client that sends nothing twice. The SDK's own does, when a connection breaks after Slack took the message.

    It must not sleep inside a retry either while there is newer news: Threads paces itself.
    """
    return AsyncWebClient(token=token, base_url=api_url, retry_handlers=[])


class Threads:
    """Posts and updates. One of it runs at a time; `client` is one of `client_of_threads`."""

    def __init__(
        self,
        client: AsyncWebClient,
        records: Records,
        approvers: Sequence[str],
        pace: Pace = ALLOWED,
        clock: Callable[[], float] = time.monotonic,
        look_again: float = LOOK_AGAIN,
        slash: str = "/ghost",
    ) -> None:
        self._client = client
        self._slash = slash
        self._pace = pace
        self._records = records
        self._attachments = Attachments(client, records)
        self._approvers = tuple(approvers)
        self._clock = clock
        self._look_again = look_again
        self._posts: dict[str, Bucket] = {}  # a channel each
        self._updates = Bucket(pace.update_burst, pace.updates_a_second, clock)
        self._updated_at: dict[tuple[str, str], float] = {}
        self._too_rich: set[str] = set()  # parts this Slack has refused with plans or tables in them
        self._unseen: dict[
            str, int
        ] = {}  # a release each: how often in a row Slack did not show its pictures
        self._refusals: dict[str, int] = {}  # a release each: how often in a row Slack refused a message
        self._refused_until: dict[str, float] = {}
        # A release each: at this revision there is nothing more to tell before then.
        self._waits: dict[str, tuple[int, float]] = {}
        self._expected: dict[tuple[str, State], datetime | None] = {}
        self._silences = 0  # how often in a row Slack did not answer at all

    async def run(self, stop: asyncio.Event) -> None:
        """Tell what there is to tell until `stop` is set; then once more, so that nothing known is unsaid."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                pause = await self.catch_up()
                news = asyncio.create_task(self._news(pause))
                await asyncio.wait({news, stopping}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
            if not self._silences:
                self._waits.clear()
                await self.catch_up()
        finally:
            stopping.cancel()

    async def _news(self, pause: float) -> None:
        """Return when a release has changed, or after `pause` seconds. A silent Slack is left alone that long."""
        if self._silences:
            await asyncio.sleep(pause)
        else:
            await self._records.changed.wait(pause)

    async def catch_up(self) -> float:
        """Make Slack match the records. Returns the seconds after which to look again."""
        pause = self._look_again
        untold = await self._records.releases_to_tell()
        self._waits = {release: waits for release, waits in self._waits.items() if release in untold}
        for bucket in (self._updates, *self._posts.values()):
            bucket.begin_line()
        for release_id, revision in untold.items():
            known, until = self._waits.get(release_id, (revision, 0.0))
            if known == revision and until > self._clock():
                # Working out what it would say takes a hundred times as long, and it could not say it.
                pause = min(pause, until - self._clock())
                continue
            try:
                await self._tell(release_id)
            except Away as away:
                return away.seconds
            except Later as later:
                self._waits[release_id] = (revision, self._clock() + later.seconds)
                pause = min(pause, later.seconds)
        return pause

    async def _tell(self, release_id: str) -> None:
        """Make one release's messages match it. Raises Later when some of that has to wait."""
        if self._refused_until.get(release_id, 0.0) > self._clock():
            raise Later(self._refused_until[release_id] - self._clock())
        release = await self._records.release(release_id)
        approval = await self._records.approval_of(release_id)
        sent = {one.part: one for one in await self._records.messages(release_id)}
        delays: list[float] = []
        posts_wait = False  # messages of a thread keep their order: after one that waits, none is posted
        expected = await self._expected_at(release)
        pictures: tuple[Picture, ...] = ()
        try:
            pictures = await self._attachments.pictures(release)
        except Later as later:
            delays.append(later.seconds)
        every = messages_of(release, approval, self._approvers, expected, pictures, self._slash)
        for parts, wanted in bundles(every, sent):
            before = sent.get(parts[0])
            is_post = before is None or not before.ts
            if (before is not None and before.digest == wanted.digest) or (is_post and posts_wait):
                continue
            try:
                if before is not None and not before.ts:
                    before = await self._found(release, parts, sent.get(PARENT))
                if before is None:
                    told = await self._post(release, parts, wanted, sent.get(PARENT))
                else:
                    told = await self._update(release, parts, wanted, before, sent.get(PARENT))
            except Away:
                raise
            except Later as later:
                delays.append(later.seconds)
                posts_wait = posts_wait or is_post
            else:
                sent |= dict.fromkeys(parts, told)
        if delays and not self._given_up(release):
            raise Later(min(delays))
        await self._attach(release, sent)
        await self._records.mark_told(release_id, release.revision)
        self._forget(release)

    async def _attach(self, release: Release, sent: Mapping[str, SentMessage]) -> None:
        """The thread has its files. Raises Later where Slack takes them only later."""
        if PARENT not in sent:
            return
        try:
            await self._attachments.attach(release, sent[PARENT], sent.get(CHART), ended=RESULT in sent)
        except Later:
            if not self._given_up(release):
                raise

    async def _expected_at(self, release: Release) -> datetime | None:
        """Looked up once a phase: it is asked for with every step, and only other releases change it."""
        key = (release.id, release.state)
        if key not in self._expected:
            self._expected[key] = await expected_at(self._records, release)
        return self._expected[key]

    def _forget(self, release: Release) -> None:
        """A release that is told and over needs no more pacing."""
        self._unseen.pop(release.id, None)
        self._refusals.pop(release.id, None)
        self._refused_until.pop(release.id, None)
        if not release.state.is_open:
            self._expected = {key: at for key, at in self._expected.items() if key[0] != release.id}
            self._updated_at = {key: at for key, at in self._updated_at.items() if key[0] != release.id}

    def _given_up(self, release: Release) -> bool:
        if release.ended_at is None or datetime.now(UTC) - release.ended_at < GIVE_UP_AFTER:
            return False
        log.error("A release stays untold", extra={"release": release.id, "channel": release.channel})
        return True

    async def _post(
        self, release: Release, parts: tuple[str, ...], wanted: Message, top: SentMessage | None
    ) -> SentMessage:
        channel = top.channel if top else release.channel
        bucket = self._bucket_of(channel)
        if wait := bucket.line_up():
            raise Later(wait)
        bucket.take()
        arguments: dict[str, object] = {"channel": channel, "unfurl_links": False, "unfurl_media": False}
        if top is not None and PARENT not in parts:
            arguments |= {"thread_ts": top.ts, "reply_broadcast": parts[0].startswith(FOR_THE_CHANNEL)}
        # Written down first: whoever is killed before the answer, or never gets one, looks before posting again.
        for part in parts:
            await self._records.remember_message(release.id, part, channel, "", "")
        try:
            answer = await self._call("chat.postMessage", arguments, wanted, parts[0], bucket, release.id)
        except Away:
            raise
        except Later:  # Slack said that it did not take it: there is nothing to look for
            await self._records.forget_unsent(release.id, parts)
            raise
        return await self._remember(release.id, parts, answer["channel"], answer["ts"], wanted)

    async def _found(
        self, release: Release, parts: tuple[str, ...], top: SentMessage | None
    ) -> SentMessage | None:
        """The message whose answer never came, if it was posted all the same; what it shows is not known."""
        thread = top if PARENT not in parts else None
        channel = thread.channel if thread else release.channel
        try:
            ts = await find(
                self._client, channel, thread.ts if thread else None, release.asked_at, release.id, parts[0]
            )
        except SlackApiError as error:
            if is_limited(error):
                raise Later(retry_after(error)) from error
            raise self._away(release.id, slack_error(error)) from error
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise self._away(release.id, type(error).__name__) from error
        return None if ts is None else SentMessage(release.id, parts[0], channel, ts, "")

    async def _update(
        self,
        release: Release,
        parts: tuple[str, ...],
        wanted: Message,
        before: SentMessage,
        top: SentMessage | None,
    ) -> SentMessage:
        now = self._clock()
        last = self._updated_at.get((release.id, before.ts))
        spacing = 0.0 if last is None else last + self._pace.update_spacing - now
        if spacing > 0:
            raise Later(spacing)
        if wait := self._updates.line_up():
            raise Later(wait)
        self._updates.take()
        self._updated_at[release.id, before.ts] = now
        arguments: dict[str, object] = {"channel": before.channel, "ts": before.ts}
        try:
            await self._call("chat.update", arguments, wanted, parts[0], self._updates, release.id)
        except SlackApiError:  # the message is gone: somebody deleted it, so it is told anew
            return await self._post(release, parts, wanted, top)
        return await self._remember(release.id, parts, before.channel, before.ts, wanted)

    def _bucket_of(self, channel: str) -> Bucket:
        if channel not in self._posts:
            self._posts[channel] = Bucket(self._pace.post_burst, self._pace.posts_a_second, self._clock)
        return self._posts[channel]

    async def _remember(
        self, owner: str, parts: tuple[str, ...], channel: str, ts: str, shown: Message
    ) -> SentMessage:
        for part in parts:
            await self._records.remember_message(owner, part, channel, ts, shown.digest)
        return SentMessage(owner, parts[0], channel, ts, shown.digest)

    async def _call(
        self,
        method: str,
        arguments: dict[str, object],
        wanted: Message,
        part: str,
        bucket: Bucket,
        release_id: str,
    ) -> dict[str, str]:
        """Call Slack once, or twice where it refuses plans. Raises Later, and SlackApiError for a message gone."""
        shown = simplified(wanted) if part in self._too_rich else wanted
        body = {**arguments, "text": shown.text, "blocks": marked(shown.blocks, release_id, part)}
        await self._records.may_act()  # another replica tells what this one slept through
        try:
            answer = await self._client.api_call(method, json=body)
        except SlackApiError as error:
            word = slack_error(error)
            if word in GONE and method == "chat.update":
                raise
            if is_about_a_file(error):
                raise await self._unseen_yet(release_id) from error
            if word in TOO_RICH and part not in self._too_rich:
                log.warning(
                    "Slack refuses these blocks, so they are sent as plain text from now on",
                    extra={"release": release_id, "part": part, "answer": str(error.response)},
                )
                self._too_rich.add(part)
                return await self._call(method, arguments, wanted, part, bucket, release_id)
            if is_limited(error):
                seconds = retry_after(error)
                bucket.close(seconds)
                raise Later(seconds) from error
            if is_silent(error):
                raise self._away(release_id, word) from error
            raise self._refused(release_id, part, error) from error
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise self._away(release_id, type(error).__name__) from error
        self._silences = 0
        return {"channel": str(answer["channel"]), "ts": str(answer["ts"])}

    async def _unseen_yet(self, release_id: str) -> Later:
        """Slack looks through a file before a message may show it: seconds, as a rule."""
        self._unseen[release_id] = self._unseen.get(release_id, 0) + 1
        if self._unseen[release_id] >= FILE_TRIES:
            del self._unseen[release_id]
            await self._attachments.no_pictures(await self._records.release(release_id))
        return Later(FILE_SECONDS)

    def _away(self, release_id: str, why: str) -> Away:
        """Leave Slack alone, longer each time."""
        pause = self._pace.pause(self._silences)
        self._silences += 1
        log.warning("Slack is away", extra={"release": release_id, "why": why, "seconds": pause})
        return Away(pause)

    def _refused(self, release_id: str, part: str, error: SlackApiError) -> Later:
        """Slack wants no such message (an archived channel, say): try again, more rarely each time."""
        refusals = self._refusals.get(release_id, 0)
        pause = self._pace.pause(refusals)
        self._refusals[release_id] = refusals + 1
        self._refused_until[release_id] = self._clock() + pause
        log.warning(
            "Slack refuses a message",
            extra={"release": release_id, "part": part, "answer": str(error.response), "seconds": pause},
        )
        return Later(pause)
