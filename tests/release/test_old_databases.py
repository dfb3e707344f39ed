"""A database of every released schema is migrated at the start, and all that is in it can be read and gone on with."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, insert, update

from release.model import Kind, State, Step, StepState, Verdict
from release.records import Records, open_records

MIGRATIONS = Path(__file__).parents[2] / "release" / "records" / "migrations"
NOW = datetime.now(UTC).replace(tzinfo=None)
ROOT = Path(__file__).parents[2]


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


SCHEMAS = [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()][::-1]

BACKUP = {  # as the first bots wrote it: what was added later has to have a default
    "id": "b-20260301-120000-7f3a",
    "site": "blog",
    "version": "6.40.0",
    "path": "blog/b-20260301-120000-7f3a.db",
    "digest": "d" * 64,
    "size": 4096,
    "rows": {"posts": 12},
    "content_digests": {"posts": "e" * 64},
    "taken_at": "2026-03-01T12:00:00Z",
}
FACTS = {
    "backup": BACKUP,
    "package": {
        "version": "6.65.0",
        "node": "22.18.0",
        "path": "p.zip",
        "folder": "p",
        "digest": "f" * 64,
        "size": 9,
        "seconds": 1.5,
        "from_cache": False,
    },
    "candidate": {
        "version": "6.65.0",
        "package_digest": "f" * 64,
        "database_digest": "d" * 64,
        "source_version": "6.40.0",
        "staging_url": "https://blog-staging.example.net",
        "deployment": "",
    },
    "pages": [
        {
            "path": "/",
            "what": "front page",
            "expected": "200",
            "staging": "200",
            "production": "200",
            "milliseconds": 41,
            "ok": True,
        }
    ],
    "warnings": ["Warm-up lets a redirect pass."],
}
SWAPPED = {
    "swap": {
        "before": "6.39.0",
        "after": "6.40.0",
        "seconds": 8.1,
        "first_response_ms": 9.0,
        "swapped_back": False,
    },
    "probe": {"requests": 312, "failed": 0, "slowest_ms": 148.0, "median_ms": 12.0, "seconds": 31.0},
    "swap_token": None,
    "left_behind": {"words": "1 post", "names": "Late", "backup": BACKUP["id"]},
}


def a_database(path: Path, schema: str) -> str:
    """As a bot of that schema left it: one release waits for approval, one is live, one failed; returns its URL."""
    url = f"sqlite:///{path}"
    engine = create_engine(url)
    with engine.begin() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, schema)
    tables = MetaData()
    tables.reflect(engine)

    def row(table: str, **values: object) -> None:
        with engine.begin() as connection:
            connection.execute(insert(tables.tables[table]).values(values))

    def release(name: str, kind: Kind, state: State, **values: object) -> None:
        row(
            "releases",
            id=name,
            kind=kind.value,
            site="blog",
            state=state.value,
            open=state.is_open,
            asked_by="U0ANN000001",
            channel="C0RELEASES1",
            asked_at=NOW,
            updated_at=NOW,
            version="6.65.0",
            from_version="6.40.0",
            revision=7,
            told_revision=7,
            **values,
        )

    release("r-waits", Kind.UPGRADE, State.AWAITING_APPROVAL)
    release("r-alive", Kind.UPGRADE, State.LIVE, ended_at=NOW)
    release("r-fails", Kind.SWAP, State.FAILED, ended_at=NOW, reason="no luck", remedy="try again")
    # The steps an upgrade had then; those that came later have no row.
    for step in ("preflight", "back_up", "build", "migrate", "deploy", "smoke_test", "recheck", "swap"):
        state = "pending" if step in ("recheck", "swap") else "done"
        row("steps", release="r-waits", step=step, state=state, detail="", started_at=NOW, ended_at=NOW)
        row("steps", release="r-alive", step=step, state="done", detail="", started_at=NOW, ended_at=NOW)
    for owner, facts in (("r-waits", FACTS), ("r-alive", {**FACTS, **SWAPPED})):
        for name, value in facts.items():
            row("facts", release=owner, name=name, value=json.dumps(value))
    row(
        "approvals",
        id="a-1",
        release="r-waits",
        verdict="pending",
        asked_at=NOW,
        expires_at=NOW + timedelta(hours=24),
    )
    row("backups", id=BACKUP["id"], site="blog", taken_at=NOW, value=json.dumps(BACKUP))
    row("messages", owner="r-waits", part="parent", channel="C0RELEASES1", ts="1.2", digest="d")
    row("skipped_versions", version="6.41.0", skipped_by="U0ANN000001", skipped_at=NOW)
    if schema == "0001":  # from the next one on the audit is a chain that a test cannot forge
        row("audit", at=NOW, by="U0ANN000001", what="upgrade 6.65.0", about="r-waits", outcome="begun")
    engine.dispose()
    return url


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_all_of_it_is_read_and_the_question_that_waits_is_approved(tmp_path: Path, schema: str) -> None:
    records = open_records(a_database(tmp_path / "bot.db", schema))
    try:
        await everything_is_read(records)
        await the_question_is_answered(records)
    finally:
        records.close()
    open_records(f"sqlite:///{tmp_path}/bot.db").close()


async def everything_is_read(records: Records) -> None:
    history = {release.id: release for release in await records.history("blog")}
    assert set(history) == {"r-waits", "r-alive", "r-fails"}
    assert history["r-fails"].reason == "no luck"
    live = history["r-alive"].facts
    assert live.swap is not None
    assert (live.swap.after, live.swap.unseen) == ("6.40.0", None)
    assert live.left_behind is not None
    (backup,) = await records.backups("blog")
    assert backup == live.backup
    assert backup.verified_at is None
    assert [(skip.version, skip.site) for skip in await records.skips()] == [("6.41.0", None)]
    assert await records.message("r-waits", "parent") is not None
    assert (await records.verify_audit()).broken is None


async def the_question_is_answered(records: Records) -> None:
    decided = await records.decide("a-1", Verdict.APPROVED, "U0BEN000001")
    assert decided is not None
    assert decided.won
    assert decided.release.state is State.PROMOTING
    # A step that this bot has and the old one had not is told like any other.
    await records.begin_step("r-waits", Step.OBSERVE)
    assert (await records.release("r-waits")).step(Step.OBSERVE).state is StepState.RUNNING
    await records.move("r-waits", State.LIVE)
    assert await records.create(Kind.BACKUP, "blog", "U0ANN000001", "C0RELEASES1")
    assert (await records.verify_audit()).broken is None


@pytest.mark.story
def test_a_bot_that_finds_a_database_of_the_future_says_so_and_ends(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    folder.mkdir()
    open_records(f"sqlite:///{folder}/ghostbot.db").close()
    engine = create_engine(f"sqlite:///{folder}/ghostbot.db")
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        connection.execute(update(tables.tables["ghostbot_schema"]).values(version_num="9999"))
    engine.dispose()
    before = (folder / "ghostbot.db").read_bytes()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GHOSTBOT_")}
    settings = {
        "GHOSTBOT_CONFIG": str(tmp_path / "none.toml"),
        "GHOSTBOT_SECRETS": str(tmp_path / "none"),
        "GHOSTBOT_DATA_FOLDER": str(folder),
        "GHOSTBOT_SLACK__BOT_TOKEN": "xoxb-1",
        "GHOSTBOT_SLACK__APP_TOKEN": "xapp-1",
        "GHOSTBOT_AZURE__SUBSCRIPTION": "s",
        "GHOSTBOT_SITES": '{"blog": {"resource_group": "rg"}}',
    }
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        env=environment | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "was written by a newer ghostbot" in ended.stderr
    assert "Start that version again" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (folder / "ghostbot.db").read_bytes() == before
