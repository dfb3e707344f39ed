"""What the bot remembers: one lock a site, one winner a decision, and a schema that is whole or old."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from release.artefacts.reference import reference
from release.errors import Cancelled, SiteBusy
from release.journal import Journal
from release.model import (
    Artefact,
    BackupTaken,
    Facts,
    Freeze,
    Kind,
    Release,
    SchemaMigrated,
    State,
    Step,
    StepState,
    Verdict,
    Waiting,
)
from release.records import Records, open_records
from release.records.migrating import DatabaseTooNew
from release.records.opening import DatabaseFileUnusable, DatabaseUnreachable
from release.records.rows import NoSuchRelease
from release.steps.deploying import version_of
from tests.postgres import Postgres, a_postgres

DAY = timedelta(days=1)
READ_IN_PART = (
    "SCAN CONSTANT ROW",  # no table
    "SCAN releases USING INDEX untold_releases",  # holds nothing else
    "SCAN facts USING INDEX old_slots_due",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_postgres() as postgres:
        yield postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: each promise holds on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/records/ghostbot.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    with closing(open_records(url)) as records:
        yield records


async def upgrade(records: Records, site: str = "blog") -> Release:
    return await records.create(Kind.UPGRADE, site, "ann", "C1", version="6.4.0")


def backup(number: int) -> BackupTaken:
    return BackupTaken(
        id=f"b-{number}",
        site="blog",
        version="5.0.0",
        path=f"blog/b-{number}.db",
        digest="d",
        size=1,
        rows={"posts": number},
        content_digests={},
        taken_at=datetime(2026, 1, number, tzinfo=UTC),
    )


async def test_of_ten_releases_of_one_site_begun_at_once_one_wins(records: Records) -> None:
    outcomes = await asyncio.gather(*(upgrade(records) for _ in range(10)), return_exceptions=True)
    won = [one for one in outcomes if isinstance(one, Release)]
    refused = [one for one in outcomes if isinstance(one, SiteBusy)]
    assert len(won) == 1
    assert len(refused) == 9
    assert won[0].id in str(refused[0])
    assert isinstance(await upgrade(records, "another"), Release)


async def test_what_waits_for_a_decision_is_told_apart_from_what_runs(records: Records) -> None:
    freeze = Freeze("f-1", None, "ann", datetime(2026, 1, 1, tzinfo=UTC), None, "moving")
    asked, frozen, runs, over = [await upgrade(records, site) for site in ("asked", "frozen", "runs", "over")]
    approvals = {one.id: await records.ask(one.id, DAY) for one in (asked, frozen, over)}
    await records.note(asked.id, reminded_at=datetime(2026, 1, 2, tzinfo=UTC), frozen=None)
    await records.note(frozen.id, frozen=freeze, pictured=0)
    await records.decide(approvals[over.id].id, Verdict.REJECTED, "ben")
    waiting = {one.release: one for one in await records.waiting()}
    times = {one: (approvals[one].asked_at, approvals[one].expires_at) for one in (asked.id, frozen.id)}
    assert waiting == {
        asked.id: Waiting(
            asked.id, "asked", Kind.UPGRADE, *times[asked.id], frozen=None, reminded=True, pictured=False
        ),
        frozen.id: Waiting(
            frozen.id, "frozen", Kind.UPGRADE, *times[frozen.id], frozen=freeze, reminded=False, pictured=True
        ),
    }
    assert [one.id for one in await records.working_releases()] == [runs.id]
    assert await records.open_ids() == {asked.id, frozen.id, runs.id}


async def test_long_work_in_threads_holds_up_nobody_who_reads_or_writes(records: Records) -> None:
    loop, enough = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(2) as few:  # as the engine gives the loop few of them
        loop.set_default_executor(few)
        packing = [asyncio.create_task(asyncio.to_thread(enough.wait, 60)) for _ in range(4)]
        try:
            async with asyncio.timeout(20):
                release = await upgrade(records)
                assert await records.open_release("blog") == release
        finally:
            enough.set()
        assert all(await asyncio.gather(*packing))


async def test_a_site_is_free_again_after_the_end(records: Records) -> None:
    first = await upgrade(records)
    assert await records.move(first.id, State.FAILED, reason="no luck", remedy="try again")
    assert not await records.move(first.id, State.LIVE)
    second = await upgrade(records)
    assert [release.id for release in await records.history("blog")] == [second.id, first.id]
    ended = await records.release(first.id)
    assert (ended.reason, ended.remedy, ended.ended_at is not None) == ("no luck", "try again", True)


async def test_what_reached_production_is_found_behind_any_number_of_other_releases(records: Records) -> None:
    live = await upgrade(records)
    await records.note(live.id, schema=SchemaMigrated(("002",), datetime(2026, 1, 1, tzinfo=UTC), "log"))
    await records.move(live.id, State.LIVE)
    for state in (State.FAILED, State.REJECTED, State.EXPIRED, State.CANCELLED) * 15:
        await records.move((await upgrade(records)).id, state)
    failed_late = await upgrade(records)
    await records.step(failed_late.id, Step.SWAP, StepState.RUNNING, "")
    await records.move(failed_late.id, State.FAILED)
    still_open = await upgrade(records)
    await upgrade(records, "another")
    reached = await records.reached_production("blog")
    assert [one.id for one in reached] == [still_open.id, failed_late.id, live.id]
    migrated = await records.newest_migration("blog")
    assert migrated is not None
    assert migrated.id == live.id
    assert await records.newest_migration("another") is None
    assert [one.id for one in await records.not_superseded("blog")] == [live.id]
    await records.note(live.id, superseded_by=still_open.id)
    assert await records.not_superseded("blog") == ()


async def test_of_ten_decisions_at_once_one_wins(records: Records) -> None:
    release = await upgrade(records)
    approval = await records.ask(release.id, DAY)
    verdicts = [Verdict.APPROVED, Verdict.REJECTED] * 5
    outcomes = await asyncio.gather(*(records.decide(approval.id, one, "ben") for one in verdicts))
    assert sum(outcome.won for outcome in outcomes if outcome) == 1
    now = await records.release(release.id)
    kept = await records.approval(approval.id)
    assert kept is not None
    expected = {Verdict.APPROVED: State.PROMOTING, Verdict.REJECTED: State.REJECTED}
    assert now.state is expected[kept.verdict]
    assert await records.decide("nonsense", Verdict.APPROVED, "ben") is None


async def test_asked_twice_it_is_the_same_question(records: Records) -> None:
    release = await upgrade(records)
    both = await asyncio.gather(records.ask(release.id, DAY), records.ask(release.id, DAY))
    assert both[0].id == both[1].id


async def test_a_question_too_old_cannot_be_approved_only_expire(records: Records) -> None:
    release = await upgrade(records)
    approval = await records.ask(release.id, -DAY)
    late = await records.decide(approval.id, Verdict.APPROVED, "ben")
    assert late is not None
    assert not late.won
    assert [one.id for one in await records.overdue_approvals()] == [approval.id]
    await records.decide(approval.id, Verdict.EXPIRED, None, "nobody decided in time")
    assert (await records.release(release.id)).state is State.EXPIRED
    assert await records.overdue_approvals() == ()


async def test_a_late_click_does_not_open_an_ended_release_again(records: Records) -> None:
    release = await upgrade(records)
    approval = await records.ask(release.id, DAY)
    await records.move(release.id, State.FAILED, reason="x", remedy="y")
    other = await upgrade(records)
    late = await records.decide(approval.id, Verdict.APPROVED, "ben")
    assert late is not None
    assert not late.won
    assert (await records.release(release.id)).state is State.FAILED
    open_now = await records.open_release("blog")
    assert open_now is not None
    assert open_now.id == other.id


async def test_a_cancel_comes_before_the_swap_or_is_refused(records: Records) -> None:
    early = await upgrade(records, "early")
    assert await records.ask_cancel(early.id, "ann")
    with pytest.raises(Cancelled):
        async with Journal(records, early.id).step(Step.SWAP):
            raise AssertionError("the swap began")
    assert (await records.release(early.id)).step(Step.SWAP).state is StepState.PENDING

    late = await upgrade(records, "late")
    async with Journal(records, late.id).step(Step.SWAP):
        assert not await records.ask_cancel(late.id, "ann")
    async with Journal(records, late.id).step(Step.VERIFY):
        pass
    assert (await records.release(late.id)).cancel_asked_by is None


async def test_a_step_that_was_killed_and_is_not_done_again_runs_no_more_when_the_release_is_over(
    records: Records,
) -> None:
    release = await upgrade(records)
    await records.begin_step(release.id, Step.PREFLIGHT)  # and killed; cancelled before the step begins again
    await records.ask_cancel(release.id, "ann")
    assert await records.begin_step(release.id, Step.PREFLIGHT) == "ann"
    await records.move(release.id, State.CANCELLED)
    step = (await records.release(release.id)).step(Step.PREFLIGHT)
    assert step.state is StepState.FAILED
    assert "cut off" in step.detail
    assert step.ended_at is not None


async def test_a_cancel_and_a_swap_at_once_agree(records: Records) -> None:
    for number in range(10):
        release = await upgrade(records, f"site-{number}")
        in_time, cancelled_by = await asyncio.gather(
            records.ask_cancel(release.id, "ann"), records.begin_step(release.id, Step.SWAP)
        )
        assert in_time == (cancelled_by == "ann")


async def test_steps_keep_their_first_start_and_facts_side_by_side(records: Records) -> None:
    release = await upgrade(records)
    journal = Journal(records, release.id)
    async with journal.step(Step.BUILD) as words:
        await words.say("half way")
    first = (await records.release(release.id)).step(Step.BUILD)
    async with journal.step(Step.BUILD) as words:
        words.text = "built"
    again = (await records.release(release.id)).step(Step.BUILD)
    assert (again.started_at, again.detail, again.state) == (first.started_at, "built", StepState.DONE)
    await records.say(release.id, Step.BUILD, "too late")
    await asyncio.gather(
        records.note(release.id, backup=backup(1)),
        records.note(release.id, warnings=("w",)),
        records.note(release.id, swap_token="t"),
    )
    await records.note(release.id, swap_token=None)
    kept = await records.release(release.id)
    assert kept.facts == Facts(backup=backup(1), warnings=("w",))
    assert kept.step(Step.BUILD).detail == "built"


async def test_every_change_is_told_once(records: Records) -> None:
    release = await upgrade(records)
    assert await records.changed.wait(0) == {release.id}
    assert await records.changed.wait(0) == set()
    assert tuple(await records.releases_to_tell()) == (release.id,)
    await records.mark_told(release.id, (await records.release(release.id)).revision)
    assert not await records.releases_to_tell()
    await records.note(release.id, warnings=("w",))
    assert tuple(await records.releases_to_tell()) == (release.id,)


async def test_what_waits_for_somebody_is_told_before_what_only_goes_on(records: Records) -> None:
    going = [await records.create(Kind.BACKUP, f"site{number}", "U1", "C1") for number in range(2)]
    asked = await upgrade(records)
    going.append(await records.create(Kind.BACKUP, "site2", "U1", "C1"))
    await records.ask(asked.id, DAY)
    assert tuple(await records.releases_to_tell()) == (asked.id, *(release.id for release in going))


async def test_backups_messages_and_skipped_versions_are_kept(records: Records) -> None:
    for number in (2, 1, 3):
        await records.keep_backup(backup(number))
    await records.keep_backup(backup(3))
    assert [one.id for one in await records.backups("blog")] == ["b-3", "b-2", "b-1"]
    assert await records.backups("another") == ()
    await records.remember_message("r-1", "parent", "C1", "1.0", "d1")
    await records.remember_message("r-1", "parent", "C1", "1.0", "d2")
    message = await records.message("r-1", "parent")
    assert message is not None
    assert message.digest == "d2"
    assert len(await records.messages("r-1")) == 1
    await records.skip_version("6.4.0", "ann")
    await records.skip_version("6.4.0", "ben")
    await records.skip_version("6.4.0", "ann", "blog")
    assert [(skip.version, skip.site, skip.by) for skip in await records.skips()] == [
        ("6.4.0", None, "ben"),
        ("6.4.0", "blog", "ann"),
    ]


async def test_old_slots_are_listed_until_they_are_stopped(records: Records) -> None:
    release = await upgrade(records)
    await records.note(release.id, old_slot_stops_at=datetime.now(UTC))
    assert await records.with_old_slot_running() == ()
    await records.move(release.id, State.LIVE)
    assert [one.id for one in await records.with_old_slot_running()] == [release.id]
    await records.note(release.id, old_slot_stopped_at=datetime.now(UTC))
    assert await records.with_old_slot_running() == ()
    with pytest.raises(NoSuchRelease):
        await records.release("r-none")


async def test_what_is_looked_at_all_the_time_is_found_without_reading_all_that_ever_was(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ghostbot.db"
    asked: list[tuple[str, Any]] = []

    def listen(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        # Engines of other tests may still go on in this process.
        if statement.startswith("SELECT") and str(connection.engine.url) == url:
            asked.append((statement, parameters))

    with closing(open_records(url)) as records:
        release = await upgrade(records)
        await records.note(release.id, old_slot_stops_at=datetime.now(UTC))
        await records.move(release.id, State.LIVE)
        event.listen(Engine, "before_cursor_execute", listen)
        try:
            await records.releases_to_tell()
            await records.open_ids()
            await records.open_releases()
            await records.working_releases()
            await records.waiting()
            await records.overdue_approvals()
            assert await records.with_old_slot_running()
            await records.told_in("C1", "1.0")
            await records.owners_of("parent")
            await records.messages_of_part("parent", [release.id])
            await records.history("blog")
            await records.open_release("blog")
            await records.has_tried("blog", "6.5.0")
            await records.backups("blog", limit=None)
            await records.audited("blog")
            await records.scheduled()
            await records.cut_off_in_starting(DAY)
        finally:
            event.remove(Engine, "before_cursor_execute", listen)
    assert len(asked) >= 17
    with closing(sqlite3.connect(tmp_path / "ghostbot.db")) as connection:
        for statement, parameters in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            read = [one for one in plan if one.startswith("SCAN") and not one.startswith(READ_IN_PART)]
            assert not read, statement


async def test_a_rollback_marks_what_it_undid(records: Records) -> None:
    release = await upgrade(records)
    await records.move(release.id, State.LIVE)
    await records.set_undone(release.id, "r-back")
    undone = await records.release(release.id)
    assert (undone.state, undone.undone_by) == (State.ROLLED_BACK, "r-back")


async def test_a_restarted_bot_reads_all_of_it_again(url: str) -> None:
    before = open_records(url)
    release = await upgrade(before)
    await before.note(release.id, backup=backup(1))
    kept = await before.release(release.id)
    before.close()
    after = open_records(url)
    assert await after.release(release.id) == kept
    after.close()


def test_the_file_is_its_owners_only_also_one_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    open_records(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_database_from_the_future_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    open_records(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE ghostbot_schema SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew):
        open_records(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT version_num FROM ghostbot_schema").fetchall() == [("9999",)]


def test_a_migration_that_fails_half_way_leaves_the_old_schema(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE skipped_versions (version TEXT)")  # the first schema trips over it
    with pytest.raises(Exception, match="skipped_versions"):
        open_records(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as database, database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"skipped_versions"}
        database.execute("DROP TABLE skipped_versions")
    open_records(f"sqlite:///{path}").close()


@pytest.mark.parametrize("kind", Kind)
async def test_every_kind_and_the_longest_names_are_kept(records: Records, kind: Kind) -> None:
    artefact = Artefact(reference(f"{'x' * 200}.zip").name, "f" * 64, "d" * 64, size=1, files=1)
    longest = version_of(artefact)
    release = await records.create(kind, "blog", "ann", "C1", version=longest, before=longest)
    for step in Step:
        await records.begin_step(release.id, step)
    for state in (state for state in State if state.is_open):
        assert await records.move(release.id, state)
    assert await records.move(release.id, max((state for state in State if not state.is_open), key=len))
    kept = await records.release(release.id)
    assert (kept.kind, kept.version, kept.from_version) == (kind, longest, longest)


def test_bots_that_start_at_once_make_one_schema(url: str) -> None:
    async def start_all() -> None:
        opened = await asyncio.gather(*(asyncio.to_thread(open_records, url) for _ in range(3)))
        for records in opened:
            records.close()

    asyncio.run(start_all())


async def test_a_decision_and_an_end_at_once_agree(records: Records) -> None:
    for number in range(10):
        release = await upgrade(records, f"site-{number}")
        approval = await records.ask(release.id, DAY)
        decided, ended = await asyncio.gather(
            records.decide(approval.id, Verdict.APPROVED, "ben"),
            records.move(release.id, State.FAILED, frozenset({State.AWAITING_APPROVAL}), "x", "y"),
        )
        assert decided is not None
        assert decided.won != ended
        now = await records.release(release.id)
        assert now.state is (State.PROMOTING if decided.won else State.FAILED)


async def test_steps_facts_and_words_of_one_release_at_once_do_not_block_each_other(records: Records) -> None:
    release = await upgrade(records)
    for _ in range(5):
        await asyncio.gather(
            records.begin_step(release.id, Step.BUILD),
            records.say(release.id, Step.BUILD, "half way"),
            records.note(release.id, warnings=("w",)),
            records.step(release.id, Step.BUILD, StepState.DONE, "built"),
            records.ask_cancel(release.id, "ann"),
            records.audit_release(release.id, "swap", "asked of Azure"),
        )
    assert sum(entry.deed.what == "swap" for entry in await records.audited()) == 1


def test_a_database_file_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.write_text("This is not a database. " * 100)
    with pytest.raises(
        DatabaseFileUnusable, match=r"bot\.db cannot be used: file is not a database"
    ) as caught:
        open_records(f"sqlite:///{path}")
    assert "docs/operations.md" in caught.value.advice
    assert path.read_text().startswith("This is not a database.")
    with pytest.raises(DatabaseFileUnusable, match="File exists"):
        open_records(f"sqlite:///{path}/under-a-file.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DatabaseFileUnusable, match="unable to open database file"):
        open_records(f"sqlite:///{tmp_path}/folder.db")
    assert stat.S_IMODE((tmp_path / "folder.db").stat().st_mode) & stat.S_IXUSR


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnreachable, match=r"nobody-there\.invalid") as caught:
        open_records("postgresql://bot:hidden-words@nobody-there.invalid/bot?connect_timeout=2")
    assert "hidden-words" not in str(caught.value)
