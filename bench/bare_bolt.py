"""`python -m bench.bare_bolt API BOT_TOKEN APP_TOKEN`: the least a Bolt app can do with a command. It only acks."""

import asyncio
import sys

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def _listen(api: str, bot_token: str, app_token: str) -> None:
    app = AsyncApp(client=AsyncWebClient(token=bot_token, base_url=api), request_verification_enabled=False)

    @app.command("/ghost")
    async def command(ack: AsyncAck) -> None:
        await ack()

    web_client = AsyncWebClient(token=app_token, base_url=api)
    handler = AsyncSocketModeHandler(app, app_token, web_client=web_client)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt's handler has no types
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_listen(*sys.argv[1:4]))
