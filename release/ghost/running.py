"""A Ghost of one's own, running for a while on a free port."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from release.errors import ReleaseError
from release.ghost.admin_api import admin_api
from release.ghost.build import START_FILE
from release.ghost.process import end_group, tail

BOOT_SECONDS = 180

# A Ghost that mails nobody, asks nobody and logs to its output. Port 9 of the loopback is the discard
# service, which nothing listens on; what is configured here wins over the settings in the database.
QUIET = {
    "mail__transport": "stub",
    "bulkEmail__mailgun__baseUrl": "http://127.0.0.1:9/v3",
    "bulkEmail__mailgun__domain": "muted.invalid",
    "bulkEmail__mailgun__apiKey": "muted",
    "privacy__useUpdateCheck": "false",
    "privacy__useGravatar": "false",
    "security__staffDeviceVerification": "false",
    "logging__transports": '["stdout"]',
    "logging__level": "info",
}


# Ends Ghost when we are killed: nobody else would.
_UNTIL_ORPHANED = Path(__file__).with_name("until_orphaned.js")


class DidNotBoot(ReleaseError):
    problem = "Ghost in {0} did not boot: {1}."
    remedy = "The last lines of its log ({2}):\n{3}"


@asynccontextmanager
async def running(wwwroot: Path, node: Path, environment: Mapping[str, str], log: Path) -> AsyncIterator[str]:
    """Ghost answers at the address this yields, and is stopped afterwards, whatever happens meanwhile.

    `environment` is the whole of the child's, without url and port.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            str(node),
            "--require",
            str(_UNTIL_ORPHANED),
            START_FILE,
            cwd=wwwroot,
            env={**environment, **QUIET, "url": url, "PORT": str(port), "server__host": "127.0.0.1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            await _wait_until_it_answers(url, process, wwwroot, log)
            yield url
            # Ghost closes its database on SIGTERM; it takes 0.2 s.
            process.terminate()
            async with asyncio.timeout(20):
                await process.wait()
        finally:
            await end_group(process)


async def _wait_until_it_answers(
    url: str, process: asyncio.subprocess.Process, wwwroot: Path, log: Path
) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    version = json.loads((wwwroot / "package.json").read_text())["version"]
    where = f"{url}{admin_api(version).path}/site/"
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < deadline and process.returncode is None:
            try:
                if (await client.get(where, timeout=10)).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2)
    ended = process.returncode is not None
    why = f"it ended with {process.returncode}" if ended else f"no answer within {BOOT_SECONDS} seconds"
    raise DidNotBoot(wwwroot.name, why, str(log), tail(log))


def free_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
