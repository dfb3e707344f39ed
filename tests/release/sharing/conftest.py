"""A site whose slots share a database in a real MariaDB.

The blog itself is the small one, on its own file; what it would have in MariaDB stands there beside it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from demo.stages import TINY_NODE
from demo.tiny import versions as tiny
from demo.tiny.seed import Seeded
from release.backups import BackupStore
from release.ghost.build import build, package_key
from release.ghost.cache import Mark as CacheMark
from release.ghost.npm import carried_node
from release.model import Kind, PackageBuilt, Release
from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection
from release.mysql.migrate import looked_at
from release.records import Records
from release.shapes import GHOST_ON_MYSQL
from release.site import PRODUCTION
from release.steps.common import kept_of
from release.version import Version
from tests.ghost.small_mysql import config_of, new_blog
from tests.mariadb import MariaDb, a_mariadb
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_releases import Desk

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

    async def migrates(self) -> None:
        """Production refuses writes, its database is dumped, and migrated."""
        await self.steps.close_writes(self.release.id)
        await self.steps.dump(self.release.id)
        await self.steps.migrate_shared(self.release.id)

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
