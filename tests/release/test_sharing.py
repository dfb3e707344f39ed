"""The steps on a shared database, one by one, on a real MariaDB: whatever stops one, production is as it was before.

The blog itself is the small one, on its own file; what it would have in MariaDB stands there beside it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.stages import TINY_NODE
from demo.tiny import versions as tiny
from demo.tiny.seed import Seeded
from release.backups import BackupStore
from release.closing import CLOSED, renew
from release.errors import ReleaseError
from release.fitting import DATABASE, HELD, only_for
from release.ghost.build import GUARD_FILE, build, package_key
from release.ghost.cache import Mark as CacheMark
from release.ghost.npm import carried_node
from release.migrations.errors import LockLost, MigrationGoingOn
from release.migrations.lock import while_held
from release.model import Kind, PackageBuilt, Release, StagingBefore, State, Step, StepState, SwapDone
from release.mysql.config import MySqlConfig
from release.mysql.connection import NAME, Connection, connection_of
from release.mysql.dumped import dump_database, dump_of
from release.mysql.lock import alone
from release.mysql.migrate import looked_at
from release.mysql.pointing import point_staging_at
from release.mysql.scratch import fill_scratch
from release.records import Records
from release.shapes import GHOST_ON_MYSQL
from release.site import PRODUCTION
from release.steps.common import kept_of
from release.steps.sharing import CannotRefuseWrites
from release.steps.sharing_live import NotMigrated, OldVersionCannotRead, RestartedMeanwhile
from release.swap import NotWellInProduction
from release.unfinished import note_unfinished, unfinished_by
from release.version import Version
from tests.ghost.small_mysql import asked, config_of, new_blog, tell
from tests.mariadb import MariaDb, a_mariadb
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_releases import Desk
from tests.release.test_routing import routed
from tests.sandbox.appservice_fixtures import eventually

pytestmark = pytest.mark.mariadb

HALF_WAY = ("ALTER TABLE posts ADD COLUMN newer int", "UPDATE migrations_lock SET locked = 1")
# What the small Ghost's migrator is here: it says to MariaDB what the test wrote down, then notes what it ships.
MIGRATOR = """
import json, os, pathlib, sys, pymysql
where = {name: os.environ[f"database__connection__{name}"] for name in ("host", "user", "password", "database")}
connection = pymysql.connect(**where, port=int(os.environ["database__connection__port"]), autocommit=True)
told = json.loads(pathlib.Path(sys.argv[1]).read_text())
with connection.cursor() as cursor:
    for statement in told["statements"]:
        cursor.execute(statement)
    if told["fails"]:
        sys.exit("it fails here")
    for path in sorted(pathlib.Path("core/server/data/migrations/versions").glob("*/*.js")):
        cursor.execute("SELECT 1 FROM migrations WHERE name = %s", (path.name,))
        if not cursor.fetchone():
            cursor.execute(
                "INSERT INTO migrations (name, version, currentVersion) VALUES (%s, %s, '6.4')",
                (path.name, path.parent.name),
            )
"""


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with a_mariadb() as mariadb:
        yield mariadb


class Shop:
    """A site whose production runs OLD on `real`, and a release of it to NEW that was approved."""

    def __init__(self, desk: Desk, cloud: Cloud, real: Connection, release: Release, folder: Path) -> None:
        self.desk = desk
        self.cloud = cloud
        self.real = real
        self.release = release
        self._folder = folder
        self.steps = desk.stages.sharing

    @property
    def mysql(self) -> MySqlConfig:
        assert self.cloud.site.config.mysql is not None
        return self.cloud.site.config.mysql

    @property
    def store(self) -> BackupStore:
        return BackupStore(self.desk.folder / "backups")

    def migrator_says(self, *statements: str, fails: bool = False) -> None:
        (self._folder / "told.json").write_text(json.dumps({"statements": statements, "fails": fails}))

    async def facts(self) -> Release:
        return await self.desk.records.release(self.release.id)

    async def takes_writes(self) -> bool:
        """Whether it does within a second: the guard looks for its note five times a second."""
        for _ in range(5):
            answer = await self.cloud.http.post(self.cloud.address() + "/ghost/api/admin/session/", json={})
            if "X-Ghostbot-Closed" not in answer.headers:
                return True
            await asyncio.sleep(0.25)
        return False

    async def holds(self) -> tuple[dict[str, int], dict[str, str]]:
        found = await looked_at(self.real, self._folder / "look.db")
        return found.rows, found.digests


@pytest.fixture
async def shop(
    cloud: Cloud, old: Seeded, records: Records, mariadb: MariaDb, tmp_path: Path
) -> AsyncIterator[Shop]:
    real = new_blog(mariadb)
    cloud.site = cloud.site_with(mysql=config_of(mariadb))
    cloud.site.shape = GHOST_ON_MYSQL
    await cloud.install(old, PRODUCTION)
    for slot in (PRODUCTION, "staging"):
        cloud.settings(slot).update(real.as_ghosts)
    await cloud.is_well()
    desk = Desk(cloud, records, tmp_path)
    release = await records.create(Kind.UPGRADE_SHARED, "blog", "ann", "C1", version=NEW, before=OLD)
    shop = Shop(desk, cloud, real, release, tmp_path)
    await records.note(release.id, package=await a_package(desk, tmp_path))
    shop.migrator_says(
        "ALTER TABLE posts ADD COLUMN newer int", "CREATE TABLE automations (id int PRIMARY KEY)"
    )
    yield shop
    records.close()


async def a_package(desk: Desk, folder: Path) -> PackageBuilt:
    """The small Ghost NEW is in the bot's cache, with a migrator that works on MariaDB."""
    (folder / "migrator.py").write_text(MIGRATOR)
    words = json.dumps([str(folder / "migrator.py"), str(folder / "told.json")])

    async def fill(site: Path) -> CacheMark:
        await asyncio.to_thread(tiny.install, tiny.find(NEW), site)
        program = site / "node_modules" / ".bin" / "knex-migrator-migrate"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            f"const ended = require('node:child_process').spawnSync({json.dumps(sys.executable)}, {words},"
            " {stdio: 'inherit'});\nprocess.exit(ended.status);\n"
        )
        prefix = str(carried_node().prefix)
        return {"node": f"{TINY_NODE}.0.0", "node_prefix": prefix, "driver": "", "warnings": ""}

    await desk.npm.cache.folder_of("sites", await package_key(Version.parse(NEW), TINY_NODE), fill)
    return kept_of(await build(Version.parse(NEW), TINY_NODE, desk.npm, lambda _: None))


async def test_a_migration_of_the_real_database_goes_well_and_may_run_twice(shop: Shop) -> None:
    before = (await shop.holds())[0]
    for _ in range(2):
        await shop.steps.close_writes(shop.release.id)
        await shop.steps.dump(shop.release.id)
        assert not await shop.takes_writes()
    await shop.steps.migrate_shared(shop.release.id)
    shop.migrator_says()
    await shop.steps.migrate_shared(shop.release.id)
    after = (await shop.holds())[0]
    assert after["posts"] == before["posts"]
    assert after["automations"] == 0
    await shop.steps.test_production(shop.release.id)
    facts = (await shop.facts()).facts
    assert facts.migration is not None
    assert (facts.migration.from_version, facts.migration.to_version) == ("5.100", "6.4")
    assert facts.way_back is not None
    assert facts.way_back.rows == before, "the second run kept the dump of the first"


@pytest.mark.parametrize(
    ("statements", "fails"),
    [
        pytest.param(HALF_WAY, True, id="it fails half-way"),
        pytest.param(("DELETE FROM posts WHERE id = 'p2'",), False, id="it loses rows"),
        pytest.param(
            ("UPDATE settings SET value = 'Other' WHERE `key` = 'title'",), False, id="it loses the title"
        ),
    ],
)
async def test_a_migration_that_fails_on_the_real_database_is_undone_and_production_opens(
    shop: Shop, statements: tuple[str, ...], fails: bool
) -> None:
    before = await shop.holds()
    shop.migrator_says(*statements, fails=fails)
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    with pytest.raises(NotMigrated):
        await shop.steps.migrate_shared(shop.release.id)
    for _ in range(2):
        await shop.steps.put_back(shop.release.id)
        assert await shop.holds() == before
        assert await shop.takes_writes()
    release = await shop.facts()
    assert "is as it was before this release: from b-" in str(release.facts.put_back) or (
        "nothing of it was changed" in str(release.facts.put_back)
    )
    assert await shop.cloud.site.version(PRODUCTION) == OLD


async def test_a_bot_killed_in_the_migration_begins_it_again_from_the_dump(shop: Shop) -> None:
    before = await shop.holds()
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    shop.migrator_says(*HALF_WAY, "UPDATE posts SET title = 'half'", fails=True)
    with pytest.raises(NotMigrated):
        await shop.steps.migrate_shared(shop.release.id)
    shop.migrator_says("ALTER TABLE posts ADD COLUMN newer int")
    # All of it anew, as another version of the bot does: the dump is the one from before the first change.
    first = (await shop.facts()).facts.way_back
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    assert (await shop.facts()).facts.way_back == first
    await shop.steps.migrate_shared(shop.release.id)
    assert asked(shop.real, "SELECT title FROM posts WHERE id = 'p1'") == (("It's a \\ post",),)
    await shop.steps.put_back(shop.release.id)
    assert await shop.holds() == before


async def test_an_old_version_that_cannot_read_the_new_schema_stops_the_release_or_is_accepted(
    shop: Shop,
) -> None:
    before = await shop.holds()
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await shop.steps.migrate_shared(shop.release.id)
    await shop.cloud.answers(host="site", slot="blog", path="/rss/", status=400, count=50)
    with pytest.raises(OldVersionCannotRead, match="400"):
        await shop.steps.test_production(shop.release.id)
    config = shop.cloud.site.config
    assert config.mysql is not None
    shop.cloud.site.config = replace(config, mysql=replace(config.mysql, readers_may_see_errors=True))
    await shop.steps.test_production(shop.release.id)
    await shop.steps.put_back(shop.release.id)
    assert await shop.holds() == before


async def test_an_old_version_that_is_restarted_on_the_migrated_database_waits_until_it_is_its_own_again(
    shop: Shop,
) -> None:
    before = await shop.holds()
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await shop.steps.migrate_shared(shop.release.id)
    await shop.cloud.does(PRODUCTION, "kill-process")

    async def waits() -> bool:
        answer = await shop.cloud.http.get(shop.cloud.address())
        return answer.status_code == 503 and answer.headers.get(HELD) == NEW

    await eventually(waits, "the old version waits")
    answer = await shop.cloud.http.get(shop.cloud.address())
    assert "being updated" in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    with pytest.raises(RestartedMeanwhile, match="restarted"):
        await shop.steps.test_production(shop.release.id)
    await shop.steps.put_back(shop.release.id)
    await shop.cloud.is_well()
    assert await shop.holds() == before
    assert await shop.takes_writes()
    for slot in (PRODUCTION, "staging"):
        assert not (shop.cloud.wwwroot(slot) / DATABASE).exists()


async def test_a_release_that_stops_before_the_migration_leaves_what_was_written_since(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    tell(shop.real, "INSERT INTO tags VALUES ('t1', 'written after the dump')")
    await shop.steps.put_back(shop.release.id)
    assert asked(shop.real, "SELECT name FROM tags") == (("written after the dump",),)
    assert await shop.takes_writes()


async def test_production_that_cannot_refuse_writes_is_migrated_only_if_the_site_says_so(shop: Shop) -> None:
    (shop.cloud.wwwroot() / GUARD_FILE).unlink()
    with pytest.raises(CannotRefuseWrites) as refused:
        await shop.steps.close_writes(shop.release.id)
    assert "open_writes = true in [sites.blog.mysql]" in refused.value.advice
    config = shop.cloud.site.config
    assert config.mysql is not None
    shop.cloud.site.config = replace(config, mysql=replace(config.mysql, open_writes=True))
    await shop.steps.close_writes(shop.release.id)
    assert "not put there by a release that can" in str((await shop.facts()).facts.writes_stay_open)


async def test_staging_is_pointed_at_the_scratch_database_and_production_is_left_alone(shop: Shop) -> None:
    before = dict(shop.cloud.settings(PRODUCTION))
    shop.cloud.settings("staging")["database__debug"] = "true"
    for expected in (True, False):
        assert await point_staging_at(shop.cloud.site, "scratch") is expected
    assert shop.cloud.settings(PRODUCTION) == before
    staging = shop.cloud.settings("staging")
    assert staging[NAME] == "scratch"
    assert staging["database__connection__user"] == shop.real.user
    assert "database__debug" not in staging
    sticky = await shop.cloud.site.app.sticky_settings()
    assert {name for name in before if name.startswith("database__")} <= sticky
    assert "url" in sticky
    assert (await connection_of(shop.cloud.site)).database == shop.real.database


async def test_nobody_is_routed_to_staging_when_it_is_stopped_for_the_scratch_database(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    routed(shop.cloud)
    await shop.steps.point(shop.release.id)
    asked = await shop.cloud.http.get(f"{shop.cloud.told['control']}/requests", params={"host": "arm"})
    paths = [f"{one['method']} {one['path']}" for one in asked.json()["requests"]]
    cleared = next(n for n, path in enumerate(paths) if path.startswith("PATCH") and "/config/web" in path)
    stopped = next(n for n, path in enumerate(paths) if "/slots/staging/stop" in path)
    assert cleared < stopped
    release = await shop.facts()
    assert release.facts.routing_cleared is not None
    assert "traffic routing cleared (12.5 % to staging)" in release.step(Step.POINT).detail

    await shop.desk.records.move(shop.release.id, State.LIVE)
    rollback = await shop.desk.records.create(
        Kind.ROLLBACK_SHARED, "blog", "ann", "C1", version=OLD, before=NEW, undoes=shop.release.id
    )
    routed(shop.cloud)
    await shop.steps.rehearse_back(rollback.id)
    assert await shop.cloud.site.app.routed() == {}
    told = (await shop.desk.records.release(rollback.id)).step(Step.REHEARSE_BACK).detail
    assert "traffic routing cleared" in told


async def is_migrated(shop: Shop, new: Seeded) -> None:
    """The real database is, production refuses writes, and the new version waits on staging for its swap."""
    await shop.cloud.install(new, "staging")
    shop.cloud.settings("staging").update(shop.real.as_ghosts)
    await shop.cloud.is_well("staging")
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await shop.steps.migrate_shared(shop.release.id)


async def is_swapping(shop: Shop) -> bool:
    return "swap started" in [event["event"] for event in (await shop.cloud.shows())["events"]]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_good_swap_is_no_failure_where_a_slot_cannot_be_closed_once_more(
    shop: Shop, new: Seeded, killed: bool
) -> None:
    await is_migrated(shop, new)
    putting = asyncio.create_task(shop.steps.put_live(shop.release.id))
    await eventually(lambda: is_swapping(shop), "the swap is under way")
    # After a swap Azure starts the SCM site of what was swapped out anew, which can take longer than patience does.
    slot = "blog" if killed else "blog/staging"
    await shop.cloud.answers(host="scm", slot=slot, method="PUT", path=CLOSED, status=503, count=999)
    if killed:
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
        putting = asyncio.create_task(shop.steps.put_live(shop.release.id))
    assert (await putting).after == NEW
    assert await shop.cloud.site.version(PRODUCTION) == NEW
    assert await shop.takes_writes()
    live = (await shop.facts()).facts
    assert live.swap is not None
    assert live.writes_closed_seconds is not None


async def test_a_swap_back_that_fails_says_which_version_runs_on_which_database(
    shop: Shop, new: Seeded
) -> None:
    before = await shop.holds()
    await is_migrated(shop, new)
    shop.cloud.site.config = replace(shop.cloud.site.config, swap_limit=5)
    putting = asyncio.create_task(shop.steps.put_live(shop.release.id))
    await eventually(lambda: is_swapping(shop), "the swap is under way")
    await shop.cloud.answers(host="site", slot="blog", path="^/sitemap.xml", status=500, count=2)
    await shop.cloud.answers(host="arm", method="POST", path="slotsswap", status=409, count=999)
    with pytest.raises(NotWellInProduction, match="Azure did not swap"):
        await putting
    for _ in range(2):
        await shop.steps.put_back(shop.release.id)
        told = str((await shop.facts()).facts.put_back)
        assert told.startswith(
            f"Production holds {NEW} on the database from before this release, which {OLD} needs"
        )
    assert await shop.holds() == before
    assert await shop.cloud.site.version(PRODUCTION) == NEW


async def test_what_says_that_only_another_version_may_start_never_outlives_its_release(shop: Shop) -> None:
    """A bot that died between the swap and its end, or could not remove the note, leaves no version locked out."""
    site = shop.cloud.site
    notes = {slot: shop.cloud.wwwroot(slot) / DATABASE for slot in (PRODUCTION, "staging")}
    await shop.desk.records.note(shop.release.id, swap=SwapDone(OLD, NEW, 8.1, 120.0))
    await only_for(site, NEW)
    await renew(site, site.staging)
    await shop.steps.put_live(shop.release.id)
    assert not any(note.exists() for note in notes.values())
    assert await shop.takes_writes()

    for _ in range(2):
        await only_for(site, NEW)
        await shop.steps.point(shop.release.id)
        assert [note.exists() for note in notes.values()] == [True, False], (
            "production's own database is another"
        )


async def test_a_rollback_is_rehearsed_although_staging_was_told_to_wait(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await shop.desk.records.move(shop.release.id, State.LIVE)
    rollback = await shop.desk.records.create(
        Kind.ROLLBACK_SHARED, "blog", "ann", "C1", version=OLD, before=NEW, undoes=shop.release.id
    )
    await only_for(shop.cloud.site, NEW)
    await shop.steps.rehearse_back(rollback.id)
    assert not (shop.cloud.wwwroot("staging") / DATABASE).exists()
    assert (shop.cloud.wwwroot() / DATABASE).exists()


async def test_only_one_migration_of_a_database_goes_on_at_a_time(shop: Shop) -> None:
    told: list[str] = []

    async def tell_it(text: str) -> None:
        told.append(text)

    async with alone(shop.real, tell_it):
        with pytest.raises(MigrationGoingOn):
            async with alone(shop.real, tell_it, patience=1):
                raise AssertionError("both had it")
    async with alone(shop.real, tell_it, patience=1):
        pass
    assert len(told) >= 1
    assert all(
        one.startswith("waits for another migration of this database (its connection ") for one in told
    )


async def quietly(_words: str) -> None:
    """Nobody listens."""


async def test_a_migration_of_the_real_database_is_stopped_when_its_lock_is_lost(shop: Shop) -> None:
    async with alone(shop.real, quietly) as lock:
        working = asyncio.create_task(while_held(lock, asyncio.sleep(600), look_every=0.1))
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
        for (session,) in await asyncio.to_thread(asked, shop.real, others):
            await asyncio.to_thread(tell, shop.real, f"KILL {session}")
        with pytest.raises(LockLost):
            await working


async def test_a_restore_of_a_damaged_dump_is_told_and_leaves_production_closed(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await shop.steps.migrate_shared(shop.release.id)
    kept = (await shop.facts()).facts.way_back
    assert kept is not None
    (shop.desk.folder / "backups" / kept.path).with_suffix(".sql.gz").write_bytes(b"something else")
    try:
        await shop.steps.put_back(shop.release.id)
    except ReleaseError as error:
        raise AssertionError("it is told, and raises nothing over the first failure") from error
    assert "could NOT be put back" in str((await shop.facts()).facts.put_back)
    assert not await shop.takes_writes()


GONE_THROUGH = (Step.MIGRATE, Step.POINT, Step.DEPLOY)


@pytest.mark.parametrize("got_to", GONE_THROUGH)
async def test_an_upgrade_that_nobody_wants_leaves_no_scratch_database_and_nothing_running_on_it(
    shop: Shop, got_to: Step
) -> None:
    await shop.cloud.site.app.start("staging")
    backup = await dump_database(shop.cloud.site, shop.real, shop.store)
    scratch = shop.real.of(f"{shop.real.database}_ghostbot")
    await fill_scratch(shop.real, scratch, await dump_of(shop.store, backup), shop.mysql)
    before = StagingBefore(running=True, version=OLD, mark=None, way_back=None)
    await shop.desk.records.note(shop.release.id, staging_before=before)
    for step in GONE_THROUGH[: 1 + GONE_THROUGH.index(got_to)]:
        await shop.desk.records.step(shop.release.id, step, StepState.DONE)
    if got_to is Step.DEPLOY:
        await note_unfinished(shop.cloud.site, shop.release.id)
    for _ in range(2):
        await shop.desk.stages.undoing.undo(shop.release.id)
        left = (await shop.facts()).facts.staging_left
        assert left is not None
        assert left.undone, left.words
        assert f"{scratch.database} is dropped" in left.words
        databases = {name for (name,) in asked(shop.real, "SHOW DATABASES")}
        assert scratch.database not in databases
        assert shop.real.database in databases
        running = (await shop.cloud.site.app.slot("staging")).running
        assert running is (got_to is Step.MIGRATE)
    closed = await unfinished_by(shop.cloud.site) is not None
    assert closed is (got_to is Step.DEPLOY), "a way back that was not deployed over can still be swapped in"


async def test_after_a_swap_by_hand_nothing_is_stopped_or_dropped(
    shop: Shop, old: Seeded, new: Seeded
) -> None:
    backup = await dump_database(shop.cloud.site, shop.real, shop.store)
    scratch = shop.real.of(f"{shop.real.database}_ghostbot")
    await fill_scratch(shop.real, scratch, await dump_of(shop.store, backup), shop.mysql)
    before = StagingBefore(running=True, version=OLD, mark=None, way_back=None)
    await shop.desk.records.note(shop.release.id, staging_before=before)
    for step in GONE_THROUGH:
        await shop.desk.records.step(shop.release.id, step, StepState.DONE)
    await asyncio.gather(shop.cloud.install(new, PRODUCTION), shop.cloud.install(old, "staging"))
    await shop.desk.stages.undoing.undo(shop.release.id)
    left = (await shop.facts()).facts.staging_left
    assert left is not None
    assert (left.undone, left.running) == (False, True)
    assert f"somebody swapped by hand: production runs {NEW}" in left.words
    assert (await shop.cloud.site.app.slot("staging")).running
    assert await unfinished_by(shop.cloud.site) is None
    assert scratch.database in {name for (name,) in asked(shop.real, "SHOW DATABASES")}
