"""Files of a release: pictures of the candidate, visitors' response times, and what the programs of its steps said.

They are extras: a release that lacks one is told all the same. Slack does not say which message a file became, so what
may have arrived is not sent again.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chart import chart, in_words
from bot.refusals import Later, is_limited, is_silent, retry_after, slack_error
from bot.render.words import STEP_TITLES
from release.model import Picture, Release, SentMessage, State, Step
from release.records import Records

log = logging.getLogger(__name__)

CHART = "chart"
AGAIN = "again"
SHARED_LATER = 2.0
"""Seconds until Slack has looked through a file and shows it in a message."""
LOOK_AGAIN = 10.0
"""Seconds until files are tried again where Slack did not answer."""
UPLOAD_SECONDS = 60.0


@dataclass(frozen=True)
class Attachment:
    """One file. `alt_text` says what a picture shows, for who does not see it."""

    name: str
    title: str
    content: bytes
    alt_text: str = ""


class Attachments:
    """Attaches what is due, as one message."""

    def __init__(self, client: AsyncWebClient, records: Records) -> None:
        self._client = client
        self._records = records

    async def attach(
        self, release: Release, top: SentMessage, known: SentMessage | None, *, ended: bool
    ) -> None:
        """What the thread should have by now is in it. Raises Later where Slack takes it only later.

        `known` is what is remembered of the picture. Outputs wait until the release does, so that many go at once.
        """
        rests = release.state is State.AWAITING_APPROVAL or not release.state.is_open
        outputs = await self._records.outputs(release.id) if rests else {}
        picture = None
        if ended and (known is None or known.digest == AGAIN):
            picture = await _picture(release)
        files = [picture] if picture else []
        if outputs:
            names = [STEP_TITLES[step] for step in outputs]
            text = "\n\n".join(f"=== {STEP_TITLES[step]} ===\n\n{text}" for step, text in outputs.items())
            title = f"Logs: {', '.join(names)}"
            files.append(Attachment(f"{release.site}-{release.id}.txt", title, text.encode()))
        if files:
            await self._send(release, top, files, outputs, picture is not None)

    async def pictures(self, release: Release) -> tuple[Picture, ...]:
        """Those that the approval card can show: Slack has them. Raises Later where it takes them only later."""
        if not release.facts.pictured:
            return ()
        known = await self._records.pictures(release.id)
        new = [picture for picture in known if picture.content is not None]
        if not new:
            return known
        if release.state is not State.AWAITING_APPROVAL:
            await self._records.forget_pictures(release.id)
            return ()
        files = [
            Attachment(
                f"{release.site}-{release.id}-{one.name}.jpg", one.title, one.content or b"", one.alt_text
            )
            for one in new
        ]
        tickets = await self._tickets(release, files)
        if tickets is None or not await self._complete(release, {"files": tickets}):
            await self._records.forget_pictures(release.id)
            return ()
        for picture, ticket in zip(new, tickets, strict=True):
            await self._records.picture_is(release.id, picture.name, str(ticket["id"]))
        raise Later(SHARED_LATER)

    async def no_pictures(self, release: Release) -> None:
        """Slack does not show them: the card does without."""
        self._given_up(release, "its pictures are not shown")
        await self._records.forget_pictures(release.id)

    async def _send(
        self,
        release: Release,
        top: SentMessage,
        files: Sequence[Attachment],
        outputs: Mapping[Step, str],
        with_picture: bool,
    ) -> None:
        tickets = await self._tickets(release, files)
        # Written down first: the same files a second time, after a kill in between, would be worse than none.
        await self._records.forget_outputs(release.id, outputs)
        if tickets is None:
            return
        if with_picture:
            await self._records.remember_message(release.id, CHART, top.channel, "", "tried")
        try:
            await self._complete(release, {"files": tickets, "channel_id": top.channel, "thread_ts": top.ts})
        except Later:
            if with_picture:
                await self._records.remember_message(release.id, CHART, top.channel, "", AGAIN)
            for step, text in outputs.items():
                await self._records.keep_output(release.id, step, text)
            raise

    async def _tickets(
        self, release: Release, files: Sequence[Attachment]
    ) -> list[dict[str, str | None]] | None:
        """What names the files to Slack, which has their bytes; None where it refuses them for good."""
        try:
            return [await self._upload(file) for file in files]
        except SlackApiError as error:
            if is_limited(error) or is_silent(error):
                raise Later(retry_after(error) if is_limited(error) else LOOK_AGAIN) from error
            self._given_up(release, slack_error(error))
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise Later(LOOK_AGAIN) from error
        return None

    async def _upload(self, file: Attachment) -> dict[str, str | None]:
        """Slack has the bytes; nobody sees them yet."""
        ticket = await self._client.files_getUploadURLExternal(
            filename=file.name, length=len(file.content), alt_txt=file.alt_text or None
        )
        limit = aiohttp.ClientTimeout(total=UPLOAD_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(
                ticket["upload_url"],
                data=file.content,
                proxy=self._client.proxy,
                ssl=self._client.ssl or True,
                raise_for_status=True,
            ),
        ):
            pass
        return {"id": str(ticket["file_id"]), "title": file.title}

    async def _complete(self, release: Release, what: dict[str, Any]) -> bool:  # Any: the method's arguments
        """Whether Slack has the files for good. Raises Later where it takes none now."""
        await self._records.may_act()
        try:
            await self._client.files_completeUploadExternal(**what)
        except SlackApiError as error:
            if is_limited(error):
                raise Later(retry_after(error)) from error
            self._given_up(release, slack_error(error))
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            self._given_up(release, type(error).__name__)
        else:
            return True
        return False

    def _given_up(self, release: Release, why: str) -> None:
        log.warning("no files in the thread", extra={"release": release.id, "answer": why})


async def _picture(release: Release) -> Attachment | None:
    png = await chart(release)
    if png is None:
        return None
    title = "How long visitors waited during the swap"
    return Attachment(f"visitors-{release.id}.png", title, png, in_words(release))
