"""HTTP mode: a signed request is taken once. Bolt itself takes the same one again for five minutes."""

import hashlib
import logging
from collections.abc import Awaitable, Callable

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest

from release.records import Records

log = logging.getLogger(__name__)

KEPT_SECONDS = 3600
"""How long a request is remembered. Bolt refuses timestamps more than 300 s in the past or the future, and Slack
tries an event for the last time after five minutes."""


def refuse_replays(app: AsyncApp, records: Records) -> None:
    """From now on `app` answers 409 to a request it was sent before, also before a restart or through another replica.

    Slack signs every delivery anew, repeated ones too, with the time in the signature: the same
    signature twice is somebody else's doing. Comes after Bolt's own check, so only what Slack has
    signed is remembered.
    """

    async def once(request: AsyncBoltRequest, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:  # noqa: A002 - Bolt's name
        signature = (request.headers.get("x-slack-signature") or [""])[0]
        digest = hashlib.sha256(signature.encode()).hexdigest()
        if await records.is_new(digest, KEPT_SECONDS):
            return await next()
        log.warning("A request came twice and was refused", extra={"signature": digest[:12]})
        return BoltResponse(status=409, body="this request was sent before")

    app.middleware(once)
