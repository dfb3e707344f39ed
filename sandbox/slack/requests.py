"""HTTP mode: signed requests to the addresses in the manifest."""

import hashlib
import hmac
import json
import secrets
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.outcome import Outcome, Problem
from sandbox.slack.shapes import Json, now
from sandbox.slack.workspace import Workspace

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Requests:
    """Sends commands, interactions and events as Slack signs and spells them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._session: aiohttp.ClientSession | None = None

    async def command(self, url: str, payload: Json) -> Outcome:
        """A slash command: a form."""
        return await self._post(url, urlencode(payload), FORM)

    async def interaction(self, payload: Json) -> Outcome:
        """A click or a modal: a form with one JSON field."""
        body = urlencode({"payload": json.dumps(payload)})
        return await self._post(self._workspace.app.manifest.interactivity_url, body, FORM)

    async def event(self, payload: Json, attempt: int, reason: str) -> Outcome:
        """An event, with retry headers from the second attempt on."""
        if not await self._verified():
            return Outcome(Problem.REFUSED)
        retry = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason} if attempt else {}
        return await self._post(self._workspace.app.manifest.events_url, json.dumps(payload), JSON, retry)

    async def _verified(self) -> bool:
        """Slack sends no event to an address that has not returned its challenge."""
        app = self._workspace.app
        if not app.events_url_verified:
            challenge = secrets.token_urlsafe(24)
            question = {"type": "url_verification", "token": app.verification_token, "challenge": challenge}
            outcome = await self._post(app.manifest.events_url, json.dumps(question), JSON)
            told = outcome.payload.get("challenge") or outcome.payload.get("text")
            app.events_url_verified = outcome.problem is None and told == challenge
        return app.events_url_verified

    async def verify(self) -> bool:
        """Ask the events address for the challenge; False when it does not return it."""
        return bool(self._workspace.app.manifest.events_url) and await self._verified()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: str, body: str, kind: str, more: dict[str, str] | None = None) -> Outcome:
        if not url:
            return Outcome(Problem.UNREACHABLE)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=self._workspace.conditions.ack_seconds)
        headers = self._signature(body) | {"Content-Type": kind, "User-Agent": "Slackbot 1.0"} | (more or {})
        try:
            async with self._session.post(
                url, data=body.encode(), headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                text = await answer.text()
                if answer.status != 200:
                    return Outcome(Problem.REFUSED, retry=answer.headers.get("X-Slack-No-Retry") != "1")
                return Outcome(payload=_payload(text))
        except TimeoutError:
            return Outcome(Problem.TIMEOUT)
        except (aiohttp.ClientError, UnicodeDecodeError):
            return Outcome(Problem.UNREACHABLE)

    def _signature(self, body: str) -> dict[str, str]:
        stamp = str(int(now()))
        secret = self._workspace.app.signing_secret.encode()
        signed = hmac.new(secret, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}


def _payload(text: str) -> Json:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}
