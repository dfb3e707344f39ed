"""The audit: whole as long as nobody touches it, and telling where somebody did."""

import asyncio
import json
import multiprocessing
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from rich.console import Console
from sqlalchemy import create_engine

from bot.audit import NoRecords, audit
from bot.settings import Settings
from release.errors import UnknownSite
from release.model import Kind, State, Verdict
from release.records import Deed, Records, open_records

MIGRATIONS = Path(__file__).parents[2] / "release" / "records" / "migrations"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


@pytest.fixture
def records(database: Path) -> Iterator[Records]:
    with closing(open_records(f"sqlite:///{database}")) as records:
        yield records


async def asked_for(records: Records, *words: str) -> None:
    for word in words:
        await records.audit(Deed("U1", word, "C1", "answered", site="blog", channel="C1"))


def tampered(database: Path, *statements: str) -> None:
    """What somebody with the file in their hands can do: the triggers go first."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("DROP TRIGGER audit_no_delete")
        for statement in statements:
            connection.execute(statement)


async def test_an_untouched_audit_is_whole(records: Records) -> None:
    assert (await records.verify_audit()).broken is None
    await asked_for(records, "status", "upgrade 6.65.0", "cancel")
    chain = await records.verify_audit()
    assert chain.broken is None
    assert chain.entries == 3
    newest = (await records.audited())[0]
    assert newest.digest == chain.head
    assert newest.deed.what == "cancel"


@pytest.mark.parametrize(
    ("done", "said"),
    [
        ("UPDATE audit SET outcome = 'refused' WHERE id = 3", "entry 3 is not what was written"),
        ("UPDATE audit SET by = 'U2' WHERE id = 1", "entry 1 is not what was written"),
        ("UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE id = 2", "entry 2 is not"),
        ("DELETE FROM audit WHERE id = 2", "entry 2 is missing"),
        ("DELETE FROM audit WHERE id = 5", "entry 5 is missing, and so is all that followed"),
        ("DELETE FROM audit", "entry 1 is missing"),
        ("DELETE FROM audit WHERE id = 2; UPDATE audit SET id = id - 1 WHERE id > 2", "entry 2 is not"),
        ("UPDATE audit SET id = 9 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3", "entry 2 is not"),
        ("INSERT INTO audit SELECT 6, at, by, what, about, outcome, site, release, channel, digest "
         "FROM audit WHERE id = 5", "entry 6 was not written by the bot"),
        ("UPDATE audit_head SET last = 4", "entry 4 is not the last"),
        ("DELETE FROM audit WHERE id = 5; UPDATE audit_head SET last = 4", "entry 4 is not the last"),
    ],
)  # fmt: skip
async def test_whatever_is_changed_shows(records: Records, database: Path, done: str, said: str) -> None:
    await asked_for(records, "one", "two", "three", "four", "five")
    tampered(database, *done.split("; "))
    assert said in ((await records.verify_audit()).broken or "")


@pytest.mark.parametrize("done", ["UPDATE audit SET outcome = 'x'", "DELETE FROM audit"])
async def test_the_database_itself_refuses_changes(records: Records, database: Path, done: str) -> None:
    await asked_for(records, "one")
    with closing(sqlite3.connect(database)) as connection, pytest.raises(sqlite3.Error, match="append-only"):
        connection.execute(done)


def write_many(url: str, who: str) -> None:
    """One of several processes that write at once."""

    async def write() -> None:
        with closing(open_records(url)) as records:
            await asyncio.gather(*(records.audit(Deed(who, str(n), "", "answered")) for n in range(12)))

    asyncio.run(write())


@pytest.mark.story
async def test_racing_writers_make_one_chain(records: Records, database: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(f"sqlite:///{database}", f"U{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    try:
        await asyncio.gather(*(asyncio.to_thread(writer.join, 60) for writer in writers))
        assert [writer.exitcode for writer in writers] == [0, 0, 0]
    finally:
        for writer in writers:
            writer.kill()
    chain = await records.verify_audit()
    assert chain.broken is None
    assert chain.entries == 36


async def test_what_existed_before_is_chained_by_the_migration(database: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(database)) as old, old:
        rows = [(n, f"2026-01-0{n} 10:00:00.000000", f"U{n}", "upgrade", "C1", "done") for n in (1, 2, 5)]
        old.executemany(
            "INSERT INTO audit (id, at, by, what, about, outcome) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
    with closing(open_records(f"sqlite:///{database}")) as records:
        await asked_for(records, "after")
        chain = await records.verify_audit()
        assert chain.broken is None
        assert [entry.deed.by for entry in reversed(await records.audited())] == ["U1", "U2", "U5", "U1"]
        tampered(database, "UPDATE audit SET outcome = 'refused' WHERE by = 'U5'")
        assert (await records.verify_audit()).broken == "entry 3 is not what was written"


async def test_decisions_and_what_the_bot_does_by_itself_are_in_it(records: Records) -> None:
    release = await records.create(Kind.UPGRADE, "blog", "U1", "C1", version="6.65.0")
    approval = await records.ask(release.id, timedelta(hours=-1))
    await records.decide(approval.id, Verdict.EXPIRED, None, "nobody decided in time")
    await records.decide(approval.id, Verdict.REJECTED, "U2")  # too late: nothing happens, nothing is written
    second = await records.create(Kind.UPGRADE, "blog", "U1", "C1", version="6.65.0")
    for _ in range(2):  # a routine that a crash cut off runs again
        await records.audit_release(second.id, "swap back", "HTTP 500 on /")
        await records.move(second.id, State.FAILED, reason="It was swapped back.")
    told = [(e.deed.by, e.deed.what, e.deed.outcome) for e in reversed(await records.audited("blog"))]
    assert told == [
        ("U1", "upgrade 6.65.0", "begun"),
        ("ghostbot", "decided", "expired: nobody decided in time"),
        ("U1", "upgrade 6.65.0", "begun"),
        ("ghostbot", "swap back", "HTTP 500 on /"),
        ("ghostbot", "ended", "failed: It was swapped back."),
    ]
    newest = (await records.audited())[0].deed
    assert (newest.release, newest.site, newest.channel) == (second.id, "blog", "C1")


def settings_with(folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "slack": {"bot_token": "xoxb-1", "app_token": "xapp-1"},
            "azure": {"subscription": "s"},
            "sites": {"blog": {"resource_group": "g"}},
            "data_folder": folder,
        }
    )


async def test_a_whole_audit_is_told_with_its_last_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_records(f"sqlite:///{tmp_path}/ghostbot.db")) as records:
        await asked_for(records, "status", "cancel")
        digest = (await records.audited())[0].digest
    settings = settings_with(tmp_path)
    await audit(settings, Console(soft_wrap=True), None, 100, as_json=False, check=True)
    told = capsys.readouterr().out
    assert "2 entries, none changed, none missing" in told
    assert digest in told


async def test_records_that_are_not_there_are_not_called_whole(tmp_path: Path) -> None:
    with pytest.raises(NoRecords, match=f"{tmp_path}/data/ghostbot.db"):
        await audit(settings_with(tmp_path / "data"), Console(), None, 100, as_json=False, check=True)
    assert not (tmp_path / "data").exists()


async def test_a_site_that_nobody_knows_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_records(f"sqlite:///{tmp_path}/ghostbot.db")) as records:
        await records.audit(Deed("U1", "status", "", "answered", site="gone", channel="C1"))
    settings, console = settings_with(tmp_path), Console(soft_wrap=True)
    with pytest.raises(UnknownSite) as caught:
        await audit(settings, console, "typo", 100, as_json=False, check=False)
    assert caught.value.advice == "Choose one of: blog."
    await audit(settings, console, "blog", 100, as_json=False, check=False)
    assert capsys.readouterr().out == ""
    await audit(settings, console, "gone", 100, as_json=False, check=False)
    assert "gone" in capsys.readouterr().out, "a site that was taken out of the settings has its history"


async def test_what_no_database_stores_is_left_out(records: Records) -> None:
    await records.audit(Deed("U1", "up\0grade \ud800" + "x" * 100, "", "y" * 1000))
    deed = (await records.audited())[0].deed
    assert deed.what.startswith("upgrade ?x")
    assert (len(deed.what), len(deed.outcome)) == (64, 500)
    assert (await records.verify_audit()).broken is None


async def ghostbot(folder: Path, *words: str) -> tuple[int, str]:
    settings = {
        "GHOSTBOT_SLACK__BOT_TOKEN": "xoxb-1",
        "GHOSTBOT_SLACK__APP_TOKEN": "xapp-1",
        "GHOSTBOT_AZURE__SUBSCRIPTION": "s",
        "GHOSTBOT_SITES__BLOG__RESOURCE_GROUP": "g",
        "GHOSTBOT_DATA_FOLDER": str(folder),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "audit", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=settings,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.mark.story
async def test_the_command_prints_and_checks_it(tmp_path: Path) -> None:
    database = tmp_path / "ghostbot.db"
    with closing(open_records(f"sqlite:///{database}")) as records:
        await records.audit(Deed("U1", "upgrade\x1b[31m 6.65.0\n", "C1", "refused: no", "blog", "", "C1"))
        await records.audit(Deed("U2", "status", "C1", "answered", "shop", "", "C1"))
    code, text = await ghostbot(tmp_path)
    assert code == 0, text
    assert text.splitlines()[0].split("\t")[2:4] == ["U1", "upgrade [31m 6.65.0 "]
    assert len(text.splitlines()) == 2
    code, text = await ghostbot(tmp_path, "--site", "shop", "--json")
    assert [row["by"] for row in json.loads(text)] == ["U2"]
    tampered(database, "UPDATE audit SET outcome = 'answered' WHERE id = 1")
    code, text = await ghostbot(tmp_path, "--verify")
    assert code == 1
    assert "entry 1 is not what was written" in text
    assert "Traceback" not in text
