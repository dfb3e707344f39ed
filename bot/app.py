"""The bot as one process: puts the parts together, runs until told to stop, and leaves cleanly."""

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import aiohttp
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.approvals import Buttons
from bot.chores import Chore, Hands, again, for_all, of_its_own
from bot.clients import open_clients
from bot.door import Door
from bot.home import Home
from bot.http_end import http_end
from bot.identity import People
from bot.listeners import Listeners
from bot.memory import look_only_at_what_is_new
from bot.notices import Notices
from bot.posted import client_that_posts_once
from bot.reminders import Reminders
from bot.replays import refuse_replays
from bot.schedule import Schedule
from bot.settings import Mode, Settings
from bot.threads import LOOK_AGAIN, LOOK_AGAIN_SHARED, Threads, client_of_threads
from commands import named
from release.ahead import Ahead
from release.backups import BackupStore
from release.backups_in_blobs import BackupsInBlobs
from release.chores import Chores
from release.engine import start_engine
from release.errors import ReleaseError
from release.holding import Fence, TakenOver
from release.notes import Notes
from release.packages import Packages
from release.records import Records, open_records
from release.releases import Releases
from release.replicas import LOOK_SECONDS as LOOK_AROUND_SECONDS
from release.replicas import Replica, open_replica
from release.steps import Folders, Parts, Stages

log = logging.getLogger(__name__)

STOP_SECONDS = 5
ALONE = "ghostbot"
"""The name of a bot with a database of its own: the next process takes up what this one leaves."""


class AlreadyRunning(ReleaseError):
    problem = "Another ghostbot uses {0} already."
    remedy = (
        "Stop it first: two bots on one database would do every step twice. "
        "Replicas on PostgreSQL have a data folder each."
    )


class NoDataFolder(ReleaseError):
    problem = "The data folder {0} cannot be written to: {1}."
    remedy = "Make it belong to the bot's user (in the image: chown 10001:10001), or set data_folder."


class NotListening(ReleaseError):
    problem = "The bot cannot listen on port {1} of {0}: {2}."
    remedy = "Set port or host in [slack], or stop what has that port."


class SlackRefused(ReleaseError):
    problem = "Slack does not let the bot in: {0}."
    remedy = "Check bot_token and app_token in the settings; both are on the app's page at api.slack.com."


async def run(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run until SIGINT or SIGTERM. Work that is cut off goes on at the next start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with _alone(settings.data_folder), AsyncExitStack() as stack:
        records = open_records(settings.records_url)
        stack.callback(records.close)
        replica = await _enlist(settings, records, stack)
        clients = await stack.enter_async_context(open_clients(settings, Fence(records)))
        folders = Folders(settings.data_folder.resolve() / "backups", settings.data_folder.resolve() / "work")
        store = (
            BackupsInBlobs(folders.backups, clients.blobs) if clients.blobs else BackupStore(folders.backups)
        )
        if replica is None:
            await store.sweep_halves()
        packages = Packages(clients.npm, records, clients.blobs)
        notes = Notes(records, clients.notes)
        parts = Parts(
            clients.sites,
            records,
            clients.npm,
            clients.ghosts,
            folders,
            store,
            packages,
            clients.artefacts,
            notes,
        )
        name = replica.name if replica else ALONE
        engine = await start_engine(Stages(parts), records, settings.records_url, name, settings.shared)
        stack.push_async_callback(asyncio.to_thread, engine.stop, STOP_SECONDS)
        windows = tuple(freeze.window() for freeze in settings.freezes)
        releases = Releases(clients.sites, records, clients.ghosts, engine.start, windows)

        token = settings.slack.bot_token.get_secret_value()
        client = AsyncWebClient(token=token, base_url=settings.slack.api_url)
        client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=5))
        once = client_that_posts_once(token, settings.slack.api_url)
        roles = settings.roles.roles()
        people = People(client, roles)
        door = Door(people, releases, settings.slack.command, named(settings.slack.deploy_command))
        notices = Notices(once, releases, notes, settings.slack.channel, settings.slack.command)
        home = Home(client, people, releases, settings.slack.command, settings.slack.channel)
        app = AsyncApp(
            name=ALONE,  # else Bolt looks through all that is loaded for the program's own file
            client=client,
            signing_secret=_secret(settings),
            request_verification_enabled=settings.slack.mode is Mode.HTTP,
        )
        if settings.slack.mode is Mode.HTTP:
            refuse_replays(app, records)
        buttons = Buttons(door, roles, releases, notices, client)
        Listeners(door, buttons, home, client, settings.own_commands).register(app)
        threads = Threads(
            client_of_threads(token, settings.slack.api_url),
            records,
            roles.approvers,
            look_again=LOOK_AGAIN_SHARED if settings.shared else LOOK_AGAIN,
            slash=settings.slack.command,
        )

        await releases.go_on()
        hands = Hands(
            settings,
            clients.sites,
            records,
            releases,
            Chores(clients.sites, records, store, folders.work),
            threads,
            notices,
            Schedule(once, people, releases, settings.slack.command, named(settings.slack.deploy_command)),
            Reminders(client, releases, notices, slash=settings.slack.command),
            Ahead(clients.sites, records, packages, clients.npm, clients.ghosts),
        )
        # Before Slack is reached: it may be away for long, and meanwhile this bot lives and takes over.
        connected = asyncio.Event()
        early = of_its_own(hands, stop) | _around(replica, records, releases, connected, stop)
        running = stack.enter_context(_begun(early, stop))
        await stack.enter_async_context(_listening(app, settings, stop))
        connected.set()
        running += stack.enter_context(_begun(_of_the_teller(replica, for_all(hands, stop), stop), stop))
        look_only_at_what_is_new()
        log.info("ready", extra={"sites": ", ".join(releases.sites), "mode": str(settings.slack.mode)})
        ready()
        await _until(stop, running)


async def _enlist(settings: Settings, records: Records, stack: AsyncExitStack) -> Replica | None:
    """The records know who writes them: one of several replicas, or the only bot there is."""
    if not settings.shared:
        await records.enlist(ALONE)
        return None
    return await stack.enter_async_context(open_replica(settings.records_url, records, _leave_at_once))


def _leave_at_once(why: str) -> None:
    """As if killed: others take over by now, and nothing of this process may go on, not even to tidy up."""
    log.critical(
        "the database is lost, so other replicas take over: this one ends, start it again", extra={"why": why}
    )
    os._exit(1)


@contextmanager
def _begun(chores: Mapping[str, Chore], stop: asyncio.Event) -> Iterator[list[asyncio.Task[None]]]:
    """They are done inside the block; one that ends before its time sets `stop`."""
    tasks = [asyncio.create_task(chore(), name=name) for name, chore in chores.items()]
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


def _around(
    replica: Replica | None,
    records: Records,
    releases: Releases,
    connected: asyncio.Event,
    stop: asyncio.Event,
) -> dict[str, Chore]:
    """What one of several replicas does about the others; a bot that is alone has nothing to look after."""
    if replica is None:
        return {}
    look = partial(_look_around, replica, records, releases, connected)
    return {"other replicas": lambda: again(LOOK_AROUND_SECONDS, look, stop)}


async def _look_around(
    replica: Replica, records: Records, releases: Releases, connected: asyncio.Event
) -> None:
    """What replicas that are gone had begun goes on, and what they had decided but not begun begins.

    Nobody who has not reached Slack yet becomes the one who talks to it.
    """
    gone = await replica.look_around(records)
    if connected.is_set():
        gone = await replica.take_turn(records) or gone
    if gone:
        await releases.go_on()


def _of_the_teller(
    replica: Replica | None, chores: Mapping[str, Chore], stop: asyncio.Event
) -> Mapping[str, Chore]:
    """A bot that is alone does them at once, one of several replicas in its turn."""
    return chores if replica is None else {"teller": partial(_in_turn, replica.teller, chores, stop)}


async def _in_turn(
    turn: asyncio.Event,
    chores: Mapping[str, Chore],
    stop: asyncio.Event,
) -> None:
    """Do all chores from this replica's turn on, until `stop`."""
    waiting = {asyncio.create_task(turn.wait()), asyncio.create_task(stop.wait())}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if not stop.is_set():
        await _until(stop, [asyncio.create_task(chore(), name=name) for name, chore in chores.items()])


async def _until(stop: asyncio.Event, chores: list[asyncio.Task[None]]) -> None:
    """Wait for the end. A chore that dies takes the bot down: half a bot would look like a whole one."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *chores}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    stopping.cancel()
    await asyncio.wait(chores, timeout=STOP_SECONDS)
    for chore in chores:
        chore.cancel()
    for outcome in await asyncio.gather(*chores, return_exceptions=True):
        if isinstance(outcome, TakenOver):
            _leave_at_once(str(outcome))
        if isinstance(outcome, Exception):
            raise outcome


@asynccontextmanager
async def _alone(data_folder: Path) -> AsyncIterator[None]:
    """Hold the data folder: two live processes with one executor id run every step twice (facts about DBOS).

    Replicas on PostgreSQL have a name each; what is in this folder is the work of one of them all the same.
    """
    with _lock_file(data_folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(str(data_folder)) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock_file(data_folder: Path) -> TextIO:
    try:
        # Its records name people, its backups hold members' addresses: for the bot's own user only.
        data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return (data_folder / "lock").open("a+")
    except OSError as error:
        raise NoDataFolder(str(data_folder), os.strerror(error.errno or 0)) from error


@asynccontextmanager
async def _listening(app: AsyncApp, settings: Settings, stop: asyncio.Event) -> AsyncIterator[None]:
    """Slack reaches the app inside the block, by socket or by HTTP."""
    if settings.slack.mode is Mode.HTTP:
        runner = web.AppRunner(http_end(app, settings.slack.host, settings.slack.port))
        await runner.setup()
        try:
            await _listen(runner, settings.slack.host, settings.slack.port)
            yield
        finally:
            await runner.cleanup()
        return
    app_token = settings.slack.app_token.get_secret_value() if settings.slack.app_token else ""
    # The web client must carry the app-level token, or the handler authenticates with the bot's.
    web_client = AsyncWebClient(token=app_token, base_url=settings.slack.api_url)
    handler = AsyncSocketModeHandler(app, app_token, web_client=web_client, ping_interval=5)
    if not settings.shared:
        handler.client.message_listeners.append(_warn_of_others)
    try:
        await _connect(handler, app, stop)
        yield
    finally:
        with suppress(aiohttp.ClientError, TimeoutError):
            await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt's handler has no types


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:  # the port is taken, is one for root, or the host is no address of this machine
        raise NotListening(host, str(port), str(error.strerror).rpartition(": ")[2]) from error


async def _warn_of_others(_client: object, message: dict[str, Any], _raw: str | None) -> None:
    """A second process on the same app token silently takes a share of the clicks (facts about Slack)."""
    connections = message.get("num_connections", 1)
    if message.get("type") == "hello" and connections > 1:
        log.warning(
            "another process uses this app token and takes a share of the clicks: stop it",
            extra={"connections": connections},
        )


async def _connect(handler: AsyncSocketModeHandler, app: AsyncApp, stop: asyncio.Event) -> None:
    """Connect, for as long as it takes while Slack is away; wrong tokens end the start at once."""
    pause = 1.0
    while not stop.is_set():
        try:
            await app.client.auth_test()
            await handler.connect_async()  # type: ignore[no-untyped-call]  # as above
            return
        except SlackClientError as error:
            told = str(getattr(error, "response", {}).get("error") or "")
            if told in (
                "invalid_auth",
                "not_authed",
                "account_inactive",
                "token_revoked",
                "not_allowed_token_type",
            ):
                raise SlackRefused(told) from error
            log.warning("Slack is not reachable yet", extra={"why": told or type(error).__name__})
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("Slack is not reachable yet", extra={"why": type(error).__name__})
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
        pause = min(pause * 2, 30)


def _secret(settings: Settings) -> str | None:
    secret = settings.slack.signing_secret
    return secret.get_secret_value() if secret else None
