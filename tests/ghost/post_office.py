"""Where a blog's mails and webhooks arrive: a mail server, Mailgun's HTTP API, and an address for webhooks."""

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class PostOffice:
    """What arrived. `newsletters` counts recipients by subject, `published` webhooks by title of the post."""

    mail_port: int = 0
    url: str = ""
    letters: list[str] = field(default_factory=list)
    newsletters: dict[str, Counter[str]] = field(default_factory=dict)
    published: Counter[str] = field(default_factory=Counter)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        self.letters += [f"{recipient}: {message['Subject']}" for recipient in envelope.rcpt_tos]
        return "250 OK"

    async def takes_newsletter(self, request: web.Request) -> web.Response:
        """POST /v3/{domain}/messages, as Mailgun documents it."""
        form = await request.post()
        recipients = self.newsletters.setdefault(str(form["subject"]), Counter())
        recipients.update(str(one) for one in form.getall("to"))
        return web.json_response({"id": "<1@mailgun.example.com>", "message": "Queued. Thank you."})

    async def has_no_events(self, _request: web.Request) -> web.Response:
        return web.json_response({"items": [], "paging": {}})

    async def is_told(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.published[told["post"]["current"]["title"]] += 1
        return web.Response()


@asynccontextmanager
async def open_post_office() -> AsyncIterator[PostOffice]:
    """All three listen on ports of their own until the end of the block."""
    office = PostOffice()
    mail = await asyncio.get_running_loop().create_server(lambda: SMTP(office), "127.0.0.1", 0)
    app = web.Application()
    app.router.add_post("/v3/{domain}/messages", office.takes_newsletter)
    app.router.add_get("/v3/{domain}/events", office.has_no_events)
    app.router.add_post("/published", office.is_told)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        office.mail_port = mail.sockets[0].getsockname()[1]
        office.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield office
    finally:
        mail.close()
        await runner.cleanup()
