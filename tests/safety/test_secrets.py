"""Known secrets are put wherever they can enter; then everything that comes out of a release is searched."""

import asyncio
import base64
import contextlib
import json
import secrets
import sqlite3
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from release.model import State
from tests.stories.team import NEWEST, Team, a_team

pytestmark = pytest.mark.story


class Planted:
    """The secrets, each by the place it was put into."""

    def __init__(self) -> None:
        self.at: dict[str, str] = {}

    def new(self, place: str) -> str:
        """A fresh secret, shaped as services make them."""
        self.at[place] = f"rosebud0{secrets.token_hex(12)}"
        return self.at[place]

    def in_text(self, text: str) -> list[str]:
        """The places whose secrets are in this text."""
        return [place for place, secret in self.at.items() if secret in text]


class Watch:
    """What the children of a process were given, looked at as often as the machine allows."""

    def __init__(self, planted: Planted) -> None:
        self.found: set[str] = set()
        self.programs: set[str] = set()
        self._planted = planted

    def look(self, root: psutil.Process) -> None:
        """The arguments of the bot and its children, and the children's environments."""
        with contextlib.suppress(psutil.Error):
            for process in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    words = process.cmdline()
                    given = json.dumps(words)
                    if (
                        process.pid != root.pid and words != root.cmdline()
                    ):  # a fork is us until it becomes it
                        given += json.dumps(process.environ())
                        self.programs.add(" ".join(Path(word).name for word in words[:3]))
                    self.found |= {f"{place}: {words[:3]}" for place in self._planted.in_text(given)}


@asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[None]:
    async def keep_looking() -> None:
        ours = psutil.Process()
        while True:
            for child in ours.children():
                with contextlib.suppress(psutil.Error):
                    if child.cmdline()[1:4] == ["-m", "bot", "run"]:
                        await asyncio.to_thread(watch.look, child)
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(keep_looking())
    try:
        yield
    finally:
        looking.cancel()


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
async def team(tmp_path: Path, planted: Planted, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Team]:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".npmrc").write_text(
        f"//registry.example/:_authToken={planted.new('npmrc token')}\n_auth={planted.new('npmrc auth')}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    for name in ("AWS_SECRET_ACCESS_KEY", "NPM_TOKEN", "NODE_AUTH_TOKEN", "npm_config__authToken"):
        monkeypatch.setenv(name, planted.new(f"environment {name}"))
    # A cache of its own: building is where foreign programs run.
    async with a_team(tmp_path / "world", tmp_path / "cache", ("blog",)) as team:
        for name in ("bot_token", "app_token", "signing_secret"):
            planted.at[f"slack {name}"] = str(team.world.slack[name])
        planted.at["identity header"] = str(team.world.azure["identity_header"])
        await a_blog_with_secrets(team, planted)
        yield team


async def a_blog_with_secrets(team: Team, planted: Planted) -> None:
    key = await team.has_site("blog")
    planted.at["admin key"] = key.partition(":")[2]
    for slot, below in (("production", ""), ("staging", "/slots/staging")):
        told = await team.arm("POST", f"blog{below}/config/appsettings/list")
        settings = dict(told.json()["properties"])
        settings |= {
            "mail__options__auth__pass": planted.new(f"{slot} mail password"),
            "STRIPE_KEY": "sk_live_" + planted.new(f"{slot} app setting"),
        }
        await team.arm("PUT", f"blog{below}/config/appsettings", {"properties": settings})
        value = f"Server=tcp:db;Password={planted.new(f'{slot} connection string')};"
        strings = {"DefaultConnection": {"value": value, "type": "SQLAzure"}}
        await team.arm("PUT", f"blog{below}/config/connectionstrings", {"properties": strings})
        told = await team.arm("POST", f"blog{below}/config/publishingcredentials/list")
        planted.at[f"{slot} publishing password"] = told.json()["properties"]["publishingPassword"]
    wwwroot = await team.world.wwwroot("blog")
    with closing(sqlite3.connect(wwwroot / "content/data/ghost.db", timeout=20)) as database, database:
        for name in ("stripe_secret_key", "mailgun_api_key"):
            columns = {column[1] for column in database.execute("PRAGMA table_info(settings)")}
            row = {"id": secrets.token_hex(12), "key": name, "value": planted.new(f"settings table {name}")}
            row |= dict.fromkeys(columns - row.keys(), "")
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            query = f"INSERT OR REPLACE INTO settings ({names}) VALUES ({marks})"  # noqa: S608 - names of columns only
            database.execute(query, list(row.values()))
    job = next((wwwroot / "App_Data").rglob("run.js"))
    talk = f"console.log('connecting with password {planted.new('webjob output')}');\n"
    job.write_text(talk + job.read_text())
    await team.world.stop_bot()
    options = cast("dict[str, object]", team.world.sites_in_settings[0].options)
    options["admin_key"] = key
    options["scm"] = await staging_takes_a_password_only(team, planted)


async def staging_takes_a_password_only(team: Team, planted: Planted) -> dict[str, str]:
    """Staging's SCM site refuses the bot's identity; what the settings say of the publishing user who is let in."""
    azure = team.world.azure
    body = {"slots": {"staging": {"basic_auth": True, "scm_bearer": False}}}
    answer = await team.world.http.put(f"{azure['control']}/sites/blog", json=body)
    assert answer.status_code == 200, answer.text
    user, password = str(azure["deployment_user"]), str(azure["deployment_password"])
    planted.at["deployment password"] = password
    planted.at["header of the deployment password"] = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"username": user, "password": password}


def files_of(folder: Path, *but: str) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not set(path.relative_to(folder).parts) & set(but):
            yield path


async def what_comes_out(team: Team, cache: Path) -> dict[str, str]:
    """Everything people, operators and the disk get to see, as text by where it is."""
    told: dict[str, str] = {}
    for person in ("ann", "ben", "cleo"):
        told[f"messages seen by {person}"] = json.dumps(await team.world.messages(person, "releases"))
    calls = await team.world.http.get(f"{team.world.slack['control']}calls")
    told["calls of Slack's API"] = calls.text
    told["the bot's log"] = (team.world.folder / "bot.log").read_text()
    data = team.world.data_folder
    # The backups are copies of the blog's database, with all it holds; they are for their owner only.
    for path in files_of(data, "backups", "work"):
        told[str(path.relative_to(data))] = path.read_bytes().decode("latin-1")
    told["names on disk"] = "\n".join(str(path) for folder in (data, cache) for path in folder.rglob("*"))
    for path in files_of(cache, "npm", "pnpm-store", "node_modules"):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as package:
                told[f"{path.name}'s listing"] = "\n".join(package.namelist())
        elif path.stat().st_size < 5_000_000:
            told[str(path.relative_to(cache))] = path.read_bytes().decode("latin-1")
    return told


def leaks(planted: Planted, told: dict[str, str]) -> list[str]:
    return [f"{place} is in {where}" for where, text in told.items() for place in planted.in_text(text)]


async def test_no_secret_comes_out_of_a_release(team: Team, planted: Planted, tmp_path: Path) -> None:
    watch = Watch(planted)
    cache = tmp_path / "cache"
    async with watching(watch):
        await team.world.start_bot()
        card = await team.ask_for_approval("blog")
        await team.clicks("ben", card, "Approve")
        await team.sees("ann", f"blog is live on {NEWEST}", button="Rollback")
    told = await what_comes_out(team, cache)
    # The search can find: names that must be there are.
    assert "Audited" in told["the bot's log"]
    assert any("npm-cli.js" in program for program in watch.programs), watch.programs
    assert any("knex-migrator-migrate" in program for program in watch.programs), watch.programs
    assert any("listing" in where for where in told)
    assert not watch.found
    assert not leaks(planted, told)
    for path in files_of(team.world.data_folder):
        if path.suffix == ".db":
            assert path.stat().st_mode & 0o077 == 0, f"{path.name} is readable for others"


REFUSALS: dict[str, dict[str, Any]] = {
    "kudu lists": {"host": "scm", "path": "/api/vfs/", "status": 400},
    "kudu deploys": {"host": "scm", "path": "/api/zipdeploy", "status": 400},
    "kudu runs a job": {"host": "scm", "path": "/triggeredwebjobs", "status": 500},
    "arm": {"host": "arm", "path": "/slots/staging", "status": 403},
}


async def refused_or_failed(team: Team, entries: int, seconds: float = 60) -> None:
    """Wait until the audit, of which `entries` are known, says that somebody was refused or a release failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        new = await team.records.audited(limit=50)
        if any(one.id > entries and one.deed.outcome.startswith(("refused", "failed")) for one in new):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("nothing was refused and nothing failed")


async def test_what_azure_says_in_an_error_is_shown_without_secrets(
    team: Team, planted: Planted, tmp_path: Path
) -> None:
    await team.world.start_bot()
    for kind, fault in REFUSALS.items():
        secret = planted.new(f"an error of {kind}")
        said = f"Login failed. Password={secret}; token {secret}"
        inner = {"code": "X", "message": said}
        body = json.dumps({"Message": said, "ExceptionMessage": said, "error": inner})
        known = (await team.records.verify_audit()).entries
        await team.azure_answers(**fault, count=100_000, body=body)
        await team.types("ann", f"/ghost upgrade {NEWEST} blog")
        await refused_or_failed(team, known)
        await team.world.http.delete(f"{team.world.azure['control']}/faults")
    told = await what_comes_out(team, tmp_path / "cache")
    assert "Login failed" in told["messages seen by ann"]
    assert not leaks(planted, told)


async def test_a_failing_job_tells_its_status_and_not_its_output(
    team: Team, planted: Planted, tmp_path: Path
) -> None:
    wwwroot = await team.world.wwwroot("blog")
    job = next((wwwroot / "App_Data").rglob("run.js"))
    job.write_text(f"console.error('denied for password {planted.new('a failing job')}'); process.exit(3);\n")
    await team.world.start_bot()
    await team.types("ann", f"/ghost upgrade {NEWEST} blog")
    release = await team.reaches("blog", State.FAILED)
    assert "BackupDb-Manual" in (release.reason or "")
    assert not leaks(planted, await what_comes_out(team, tmp_path / "cache"))
