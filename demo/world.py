"""A local Azure and a local Slack with the real bot between them, each a process of its own."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

MANIFEST = Path(__file__).parents[1] / "manifest.yml"
SANDBOX_SECONDS = 60
BOT_SECONDS = 60
STOP_SECONDS = 15
_PR_SET_PDEATHSIG = 1  # prctl(2)


class DidNotStart(Exception):
    """A part of the world did not get ready; the text says which and what it wrote last."""


@dataclass(frozen=True)
class SiteInDemo:
    """A site of the local App Service and what the bot is told of it. `settings` are its app settings."""

    name: str
    admin_key: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


class World:
    """The running sandbox, and the bot when it is started. `azure`, `slack` and `github` say how to reach them."""

    def __init__(self, folder: Path, told: dict[str, Any], http: httpx.AsyncClient) -> None:
        self.folder = folder
        self.azure: dict[str, Any] = told["azure"]
        self.slack: dict[str, Any] = told["slack"]
        self.github: dict[str, Any] = told["github"]
        self.http = http
        self.database_url: str | None = None
        self._bots: dict[str, asyncio.subprocess.Process] = {}
        self._said_before: dict[str, int] = {}  # bytes of a bot's log before it was launched last
        self._configuration: tuple[Sequence[SiteInDemo], Mapping[str, object]] = ((), {})
        self.bot_variables: dict[str, str] = {}  # of its environment, beyond what it needs

    # -- Azure ------------------------------------------------------------------------------------

    async def put_site(self, name: str, **body: object) -> None:
        """Make or change a site of the local App Service; its processes restart."""
        await self._ok(await self.http.put(f"{self.azure['control']}/sites/{name}", json=body))

    async def site(self, name: str) -> dict[str, Any]:
        """A site as the sandbox knows it: slots, processes, folders, events."""
        answer = await self._ok(await self.http.get(f"{self.azure['control']}/sites/{name}"))
        told: dict[str, Any] = answer.json()
        return told

    async def wwwroot(self, name: str, slot: str = "production") -> Path:
        """Where the files of a slot are right now; a swap changes that."""
        told = await self.site(name)
        return Path(told["slots"][slot]["folder"]) / "site" / "wwwroot"

    async def url(self, name: str, slot: str = "production") -> str:
        told = await self.site(name)
        return f"{self.azure['arm'].partition('://')[0]}://{told['slots'][slot]['address']}"

    async def version(self, name: str, slot: str = "production") -> str:
        """The version in the files of a slot."""
        package = (await self.wwwroot(name, slot)) / "package.json"
        return str(json.loads(package.read_text())["version"])

    async def swaps(self, name: str) -> int:
        """How many swaps of a site were asked for."""
        query = {"host": "arm", "method": "POST", "path": f"/sites/{name}/"}
        answer = await self._ok(await self.http.get(f"{self.azure['control']}/requests", params=query))
        return sum("/slotsswap" in row["path"] for row in answer.json()["requests"])

    async def wait_until_well(
        self, name: str, slot: str = "production", seconds: float = 90, page: str = "/"
    ) -> None:
        """The slot's front page answers 200."""
        url = await self.url(name, slot)
        deadline = time.monotonic() + seconds
        last = "no answer"
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                status = (await self.http.get(url + page)).status_code
                if status == 200:
                    return
                last = f"HTTP {status}"
            await asyncio.sleep(0.2)
        raise DidNotStart(f"{name} ({slot}) does not answer its front page: {last}")

    # -- Slack ------------------------------------------------------------------------------------

    async def slack_does(self, what: str, **wish: object) -> dict[str, Any]:
        """One wish to the local Slack's control API (type, click, wait ...)."""
        answer = await self.http.post(f"{self.slack['control']}{what}", json=wish, timeout=120)
        await self._ok(answer)
        told: dict[str, Any] = answer.json()
        return told

    async def messages(self, person: str, channel: str) -> list[dict[str, Any]]:
        """What a person sees in a channel and its threads, oldest first."""
        query = {"as": person, "channel": channel}
        answer = await self._ok(await self.http.get(f"{self.slack['control']}messages", params=query))
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    # -- GitHub -----------------------------------------------------------------------------------

    async def publish_notes(self, notes: Mapping[str, str]) -> None:
        """What the local GitHub tells of versions of Ghost from now on."""
        for version, body in notes.items():
            where = f"{self.github['control']}releases/v{version}"
            await self._ok(await self.http.put(where, json={"body": body}))

    # -- the bot ----------------------------------------------------------------------------------

    def configure(self, sites: Sequence[SiteInDemo], **more: object) -> None:
        """What ghostbot.toml says; `more` are settings of its top level, or whole tables."""
        self._configuration = (sites, more)

    @property
    def sites_in_settings(self) -> tuple[SiteInDemo, ...]:
        return tuple(self._configuration[0])

    @property
    def data_folder(self) -> Path:
        return self.folder / "bot"

    @property
    def records_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_folder}/ghostbot.db"

    def write_settings(self) -> Path:
        sites, more = self._configuration
        people = self.slack["users"]
        tables: dict[str, Any] = {
            "data_folder": str(self.data_folder),
            "log_level": "INFO",
            "release_notes_url": self.github["api"],
            "browser": "none",
            "build_ahead": False,
            "slack": {"api_url": self.slack["api"], "channel": self.slack["channels"]["releases"]},
            "azure": {
                "subscription": self.azure["subscription"],
                "arm_url": self.azure["arm"],
                "polling_seconds": 0.5,
            },
            "roles": {
                "releasers": [people["ann"], people["ben"]],
                "approvers": [people["ben"], people["cleo"]],
            },
            "sites": {
                # In a world of seconds nobody waits for minutes; what is about watching or doubt says so.
                site.name: {
                    "resource_group": self.azure["resource_group"],
                    "observe_minutes": 0,
                    "swap_doubt_seconds": 20,
                    **site.options,
                }
                for site in sites
            },
        }
        for name, value in more.items():
            tables[name] = {**tables[name], **value} if isinstance(value, dict) and name in tables else value
        path = self.folder / "ghostbot.toml"
        path.write_text("\n".join(_toml(tables)) + "\n")
        return path

    def bot_environment(self) -> dict[str, str]:
        """The environment of `ghostbot run`: as an App Service with a managed identity would give it."""
        keys = {
            f"GHOSTBOT_SITES__{site.name.upper()}__ADMIN_KEY": site.admin_key
            for site in self._configuration[0]
            if site.admin_key
        }
        ours = ("GHOSTBOT_", "AZURE_", "IDENTITY_")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "GHOSTBOT_SLACK__BOT_TOKEN": self.slack["bot_token"],
            "GHOSTBOT_SLACK__APP_TOKEN": self.slack["app_token"],
            "GHOSTBOT_SLACK__SIGNING_SECRET": self.slack["signing_secret"],
            "IDENTITY_ENDPOINT": self.azure["identity_endpoint"],
            "IDENTITY_HEADER": self.azure["identity_header"],
            "AZURE_TOKEN_CREDENTIALS": "prod",
            **keys,
            **self.bot_variables,
        }

    async def start_bot(self, name: str = "bot") -> None:
        """`ghostbot run`, the same as in production, connected to the local Slack.

        Replicas have a name each, and under that name a data folder and a log.
        """
        await self.launch_bot(name)
        await self.wait_for_bot(name)

    async def launch_bot(self, name: str = "bot") -> None:
        """`ghostbot run` as a process that may not have got far yet."""
        config = self.write_settings()
        path = self.folder / f"{name}.log"
        self._said_before[name] = path.stat().st_size if path.exists() else 0
        environment = self.bot_environment() | {"GHOSTBOT_DATA_FOLDER": str(self.folder / name)}
        if self.database_url is not None:
            environment["GHOSTBOT_DATABASE_URL"] = self.database_url
        with path.open("ab") as log:
            self._bots[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "run",
                "--config",
                str(config),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    async def wait_for_bot(self, name: str = "bot") -> None:
        """The bot that was launched is connected to the local Slack."""
        path, said_before = self.folder / f"{name}.log", self._said_before.get(name, 0)
        deadline = time.monotonic() + BOT_SECONDS
        while time.monotonic() < deadline:
            bot = self._bots.get(name)
            if bot is None or bot.returncode is not None:
                break
            # Its own word: of several bots Slack does not tell which one is connected.
            if b"bot.app: ready" in path.read_bytes()[said_before:]:
                return
            await asyncio.sleep(0.1)
        raise DidNotStart(f"the bot did not start:\n{_tail(path)}")

    async def kill_bot(self, name: str = "bot") -> None:
        """As a crash would: no warning, no clean-up."""
        await self._end_bot(name, signal.SIGKILL)

    async def stop_bot(self, name: str = "bot") -> None:
        """As an operator would."""
        await self._end_bot(name, signal.SIGTERM)

    async def stop_bots(self) -> None:
        """All of them, side by side."""
        await asyncio.gather(*(self.stop_bot(name) for name in list(self._bots)))

    def freeze_bot(self, name: str) -> None:
        """As a paused machine would: its connections stay open, and it does nothing."""
        os.killpg(self._bots[name].pid, signal.SIGSTOP)

    def wake_bot(self, name: str) -> None:
        os.killpg(self._bots[name].pid, signal.SIGCONT)

    async def bot_ends(self, name: str, seconds: float) -> int:
        """Wait until a bot has ended by itself; its exit code."""
        async with asyncio.timeout(seconds):
            code = await self._bots[name].wait()
        del self._bots[name]
        return code

    def process_of(self, name: str) -> int:
        return self._bots[name].pid

    async def _end_bot(self, name: str, how: signal.Signals) -> None:
        bot = self._bots.pop(name, None)
        if bot is not None:
            await end_group(bot, how)

    async def _ok(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= 400:
            raise SandboxRefused(f"{answer.request.method} {answer.request.url.path}: {answer.text[:2000]}")
        return answer


class SandboxRefused(Exception):
    """The sandbox's control API refused a wish, and says why."""


@asynccontextmanager
async def open_world(
    folder: Path,
    node: Mapping[int, Path],
    swap_seconds: float = 2,
    slack_port: int = 0,
    more: Sequence[str] = (),
) -> AsyncIterator[World]:
    """Start the sandbox with its state in `folder`; everything is stopped at the end of the block.

    `more` are further words of its command line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--state", str(folder / "sandbox"), "--json", "--swap-seconds", str(swap_seconds)]
    words += ["--slack-port", str(slack_port), *more]
    for major, program in node.items():
        words += ["--node", f"{major}={program}"]
    with (folder / "sandbox.log").open("ab") as log:
        sandbox = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
            limit=1 << 20,
        )
    try:
        async with httpx.AsyncClient(timeout=60) as http:
            world = World(folder, await _told(sandbox, folder), http)
            answer = await http.put(
                f"{world.slack['control']}manifest", json={"manifest": MANIFEST.read_text()}
            )
            if answer.status_code >= 400:
                raise SandboxRefused(f"manifest.yml was refused: {answer.text[:2000]}")
            try:
                yield world
            finally:
                await world.stop_bots()
    finally:
        await end_group(sandbox, signal.SIGTERM)


async def _told(sandbox: asyncio.subprocess.Process, folder: Path) -> dict[str, Any]:
    """The one line of JSON the sandbox prints when it listens."""
    line = b""
    if sandbox.stdout is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SANDBOX_SECONDS):
                line = await sandbox.stdout.readline()
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise DidNotStart(f"the sandbox did not start:\n{_tail(folder / 'sandbox.log')}") from error
    return told


def die_with_parent() -> None:
    """Runs in the new process: when the demo is killed, this one is told to stop and cleans up (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


async def end_group(process: asyncio.subprocess.Process, how: signal.Signals) -> None:
    """End a process and its group; what does not go in time is killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"


def _toml(table: Mapping[str, Any], above: str = "") -> list[str]:
    """A table of TOML: plain values first, as the format wants it."""
    plain = [
        f"{name} = {json.dumps(value)}" for name, value in table.items() if not isinstance(value, Mapping)
    ]
    inner: list[str] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            title = f"{above}{name}"
            inner += ["", f"[{title}]", *_toml(value, f"{title}.")]
    return plain + inner
