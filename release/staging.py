"""The staging slot: muted, stopped, deployed to, given its database, started and warm."""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from release.azure.errors import SlotDidNotStart
from release.errors import ReleaseError
from release.ghost.archive import part_of_zip
from release.shape import Deployed
from release.site import Site
from release.trouble import in_words

MARK = ".ghostbot.json"

# Two Ghosts on copies of one database both act: measured, both published a scheduled post in the same
# second, and with newsletters that is two mailings. So staging reaches no mail server at all.
# Port 9 of the slot's own loopback is the discard service, which nothing listens on.
MUTE = {
    "mail__transport": "SMTP",
    "mail__options__host": "127.0.0.1",
    "mail__options__port": "9",
    "bulkEmail__mailgun__baseUrl": "http://127.0.0.1:9/v3",
    "bulkEmail__mailgun__domain": "muted.invalid",
    "bulkEmail__mailgun__apiKey": "muted",
    # Read by the guard in the bot's packages: what the scheduler wants to publish or send stays undone.
    "GHOSTBOT_MUTED": "true",
}


class NotTheCandidate(ReleaseError):
    problem = "What is on {0} is no longer what was tested: {1}"
    remedy = "Production is untouched. Somebody or something deployed over it: start again."


@dataclass(frozen=True)
class Mark:
    """Says on the slot itself what the bot put there, so that exactly this can be swapped."""

    release: str
    version: str
    package_digest: str
    database_digest: str
    deployment: str


async def mute(site: Site) -> bool:
    """Staging sends no mail and publishes nothing afterwards; says whether it had to be changed for that.

    The settings stay with staging in a swap.
    Writing settings recycles the SCM site, which can kill a deployment: so this comes before one, and
    waits until the SCM site answers again.
    """
    settings, sticky = await asyncio.gather(site.app.settings(site.staging), site.app.sticky_settings())
    missing_names = MUTE.keys() - sticky
    if missing_names:
        await site.app.make_sticky(set(missing_names))
    muted = all(settings.get(name) == value for name, value in MUTE.items())
    if not muted:
        await site.app.write_settings(site.staging, {**settings, **MUTE})
        await asyncio.sleep(1)
        await (await site.kudu(site.staging)).reachable()
    return bool(missing_names) or not muted


async def give_stack(site: Site, stack: str) -> bool:
    """Staging, stopped for it, has this stack afterwards; says whether it had to be changed for that.

    Production has its own until the swap: a stack goes with the content. What was on staging before may not run on
    it, so nothing is left running.
    """
    runtime = site.shape.runtime
    if await runtime.stack(site, site.staging, "*") == stack:
        return False
    await stop_staging(site)
    await runtime.give(site, stack)
    # As after any write of settings, the SCM site is away for a while.
    await asyncio.sleep(1)
    await (await site.kudu(site.staging)).reachable()
    return True


async def stop_staging(site: Site) -> None:
    """Staging is stopped: its files can be replaced under no running process."""
    if (await site.app.slot(site.staging)).running:
        await site.app.stop(site.staging)


async def deploy(site: Site, what: Deployed, told: Callable[[str], Awaitable[None]]) -> str:
    """The package is on the stopped staging slot; returns the deployment's id."""
    await stop_staging(site)
    deployment = await site.shape.deployment.deploy(site, what, told)
    place = site.shape.deployment.unpacks_to
    if place is None or not f"{site.config.content}/".startswith(f"{place}/"):
        await _put_shipped_content(site, what.archive)
    return deployment


async def _put_shipped_content(site: Site, archive: Path) -> None:
    """What the package ships for the content folder (its themes) is there, where that is not in the package itself."""
    with tempfile.TemporaryDirectory(prefix="ghostbot-") as folder:
        shipped = Path(folder) / "content.zip"
        if await asyncio.to_thread(part_of_zip, archive, "content/", shipped):
            await (await site.kudu(site.staging)).unpack(site.config.content, shipped)


async def put_database(site: Site, database: Path) -> None:
    """Staging's database is `database`, and nothing of the one before is left beside it."""
    await stop_staging(site)
    kudu = await site.kudu(site.staging)
    for suffix in ("-journal", "-wal", "-shm"):
        await kudu.delete(site.config.database + suffix)
    await kudu.upload(site.config.database, database)


async def start_and_warm(site: Site, slot: str) -> float:
    """Start the slot and ask for its front page until it answers as it should; returns the seconds it took.

    A booting Ghost refuses connections, then answers 503, then 200 (facts): only the last one counts.
    """
    start = time.monotonic()
    limit = site.config.start_limit
    if not (await site.app.slot(slot)).running:
        await site.app.start(slot)
    url, front = await site.url(slot), site.shape.pages.front
    last = "no answer"
    while time.monotonic() - start < limit:
        try:
            response = await site.visitor.get(url + front.path, follow_redirects=False, timeout=30)
            if response.status_code == front.status:
                return time.monotonic() - start
            last = f"HTTP {response.status_code} on {front.path}"
            if 300 <= response.status_code < 400:
                last += f", a redirect to {response.headers.get('Location', 'nowhere')}"
        except httpx.HTTPError as error:
            last = in_words(error)
        await asyncio.sleep(0.5)
    raise SlotDidNotStart(site.app.called(slot), f"{limit:.0f}", last)


async def leave_mark(site: Site, mark: Mark) -> None:
    """Write on staging what it holds."""
    await (await site.kudu(site.staging)).write(site.note(MARK), json.dumps(asdict(mark), indent=1).encode())


async def read_mark(site: Site, slot: str) -> Mark | None:
    """What the bot wrote on the files of a slot; it goes through a swap with them. None where it wrote nothing."""
    return mark_in(await (await site.kudu(slot)).read(site.note(MARK)))


def mark_in(content: bytes | None) -> Mark | None:
    """The mark that a file holds; None for none, and for a note of something unfinished."""
    try:
        return Mark(**json.loads(content or b"{}"))
    except (ValueError, TypeError):
        return None


async def recheck(site: Site, expected: Mark) -> None:
    """Raises NotTheCandidate unless staging still holds exactly what was tested."""
    called = site.app.called(site.staging)
    found = await read_mark(site, site.staging)
    if found is None:
        raise NotTheCandidate(called, "the bot's mark is missing")
    if found != expected:
        raise NotTheCandidate(called, f"release {found.release} is there, version {found.version}")
    if await site.shape.deployment.latest(site) != expected.deployment:
        raise NotTheCandidate(called, "there was another deployment since")
    version = await site.version(site.staging)
    if version != expected.version:
        raise NotTheCandidate(called, f"its files are version {version}, not {expected.version}")
