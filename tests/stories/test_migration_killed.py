"""A bot that is killed (-9) while it migrates the database that both slots of a web app share."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from demo.stages import TINY_NODE
from release.model import Release, State
from tests.deploy.bench import ONE, PASSWORD, TWO, Build
from tests.stories.team import Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    folder = tmp_path_factory.mktemp("migrates")
    (folder / "artefacts").mkdir()
    options = {
        "kind": "web app",
        "deploy": {"folder": str(folder / "artefacts"), "pages": ["/", "/health"]},
        "migration": {
            "command": ["./migrate.sh"],
            "pending": ["./pending.sh"],
            "pending_pattern": r"^\[ \] (.*)",
            "down": ["./down.sh", "{count}"],
            "connection_string": "Shop",
            "seconds": 120,
        },
    }
    slack = {"deploy_command": "ship"}
    async with a_team(folder / "world", cache, ("shop",), options, slack=slack) as team:
        yield team


async def opens(team: Team, build: Build, database: Path) -> None:
    """Production runs the build on a database with its first migration; staging is empty."""
    database.write_text("001\n")
    world = team.world
    await world.put_site("shop", slots=["staging"], node=TINY_NODE, running=False)
    for name, text in build.site_files().items():
        ((await world.wwwroot("shop")) / name).write_text(text)
    value = f"shopdb://shop:{PASSWORD.replace('&', '%26')}@127.0.0.1{database}"
    strings = {"properties": {"Shop": {"value": value, "type": "Custom"}}}
    for path in ("shop", "shop/slots/staging"):
        await team.arm("PUT", f"{path}/config/connectionstrings", strings)
    settings = {"WEBSITE_SWAP_WARMUP_PING_PATH": "/", "WEBSITE_SWAP_WARMUP_PING_STATUSES": "200"}
    await world.put_site(
        "shop",
        node=TINY_NODE,
        production={"settings": settings, "running": True},
        slots={"staging": {"settings": settings, "running": False}},
    )
    await world.wait_until_well("shop")


async def test_killed_in_the_middle_of_the_migration_it_runs_it_again_and_goes_live_once(team: Team) -> None:
    artefacts, database = team.world.folder.parent / "artefacts", team.world.folder.parent / "shop.db"
    await opens(team, ONE, database)
    waits = artefacts.parent / "waits"
    waits.touch()
    script = f"echo a column comes; while [ -e {waits} ]; do sleep 0.2; done"
    replace(TWO, steps={"001": ":", "002": script, "003": ":"}).pack(artefacts / "shop-2.zip")
    await team.types("ann", "/ghost ship shop shop-2.zip")
    await heard(team, "a column comes")
    await team.world.kill_bot()
    await no_migration_runs(str(database))
    assert database.read_text() == "001\n"
    waits.unlink()
    await team.world.start_bot()
    asked = await team.reaches("shop", State.AWAITING_APPROVAL)
    assert database.read_text().split() == ["001", "002", "003"]
    card = await team.sees("ben", f"shop: {asked.from_version} → {asked.version}", button="Approve")
    for part in ("2 migrations were applied", "002", "N and N-1", "was tested on the new schema: well"):
        assert part in card["plain"], part
    await team.clicks("ben", card, "Approve")
    live = await team.reaches("shop", State.LIVE)
    assert live.facts.probe is not None
    assert live.facts.probe.failed == 0
    assert await team.world.swaps("shop") == 1
    assert (await team.world.http.get(await team.world.url("shop"))).text == "2"

    await team.types("ann", "/ghost help shop")
    told = await team.sees("ann", "What shop can do (web app with a shared database)")
    for part in ("/ghost ship", "/ghost rollback", "/ghost undo-migration"):
        assert part in told["plain"], part
    assert "/ghost backup" not in told["plain"]
    assert "/ghost upgrade" not in told["plain"]
    await team.types("ann", "/ghost undo-migration shop")
    await team.sees("ann", "approver")
    await team.types("ben", "/ghost undo-migration shop")
    await team.sees("ben", "which needs the database as it is")

    await team.types("ann", "/ghost rollback shop")
    question = await team.question("shop")
    assert "Nothing that was written is lost" in question["plain"]
    await team.clicks("ann", question, "Roll back")
    back = await team.reaches("shop", State.ROLLED_BACK, after=live)
    assert (await team.world.http.get(await team.world.url("shop"))).text == "1"
    await team.types("ben", "/ghost undo-migration shop")
    await team.reaches("shop", State.MIGRATED_DOWN, after=back)
    assert database.read_text() == "001\n"
    for person in ("ann", "ben"):
        assert PASSWORD not in await team.told(person)
    assert PASSWORD.encode() not in (team.world.folder / "bot.log").read_bytes()


async def heard(team: Team, text: str) -> Release:
    """The running step says this, in the thread too."""
    deadline = time.monotonic() + 90
    while True:
        history = await team.records.history("shop", limit=1)
        if history and any(text in record.detail for record in history[0].steps):
            break
        assert not history or history[0].state.is_open, history[0].reason
        assert time.monotonic() < deadline, f"never said: {text}"
        await asyncio.sleep(0.05)
    await team.sees("ben", text)
    return history[0]


async def no_migration_runs(word: str) -> None:
    """The command that the bot had started is gone with it."""
    deadline = time.monotonic() + 20
    while any(word in line for line in command_lines()):
        assert time.monotonic() < deadline, f"a process with {word} is left"
        await asyncio.sleep(0.05)


def command_lines() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"migrate.sh" in line and b"DATABASE_URL" in environment:
            found.append(line.decode(errors="replace") + environment.decode(errors="replace"))
    return found
