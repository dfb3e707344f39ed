"""A real blog on MySQL: set up once through Ghost's own API, kept in the cache as a dump, laid out in seconds."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from demo.blog.prepare import Blog, lay_out, prepare
from demo.blog.story import EDITION, THEME, tell
from demo.stages import settings_of
from demo.world import World
from release.ghost.cache import Mark
from release.ghost.npm import Npm
from release.ghost.running import running
from release.mysql.connection import Connection
from release.mysql.programs import dump, load
from release.version import Version
from tests.ghost.small_mysql import config_of, connection_to
from tests.mariadb import MariaDb


@dataclass(frozen=True)
class SharedBlog:
    """A blog whose database is `database`, and who may use it and the bot's scratch copies of it."""

    blog: Blog
    database: Connection
    admin_key: str


async def shared_blog(version: str, node_major: int, npm: Npm, mariadb: MariaDb) -> SharedBlog:
    """The blog's database is in MariaDB; its files are laid out with `lay_out`."""
    blog = await prepare(Version.parse(version), node_major, npm, lambda _: None)

    async def fill(folder: Path) -> Mark:
        database = new_database(mariadb)
        async with npm.cache.workplace(f"mysql-blog-{version}") as place:
            await lay_out(blog, place / "wwwroot")
            node = Path(blog.package.node_prefix) / "bin" / "node"
            environment = npm.surroundings(node.parent) | database.as_ghosts | {"NODE_ENV": "production"}
            log = npm.cache.log(f"mysql-blog-{version}")
            async with running(place / "wwwroot", node, environment, log) as url:
                admin_key = await tell(url, version)
            await asyncio.to_thread(shutil.copytree, place / "wwwroot" / "content", folder / "content")
        await dump(database, folder / "blog.sql.gz", config_of(mariadb))
        return {"admin_key": admin_key, "theme": THEME}

    kept = await npm.cache.folder_of("blogs", f"ghost-{version}-mysql-edition-{EDITION}", fill)
    database = new_database(mariadb)
    await load(database, kept.path / "blog.sql.gz", config_of(mariadb))
    with_content = Blog(**(vars(blog) | {"content": str(kept.path / "content")}))
    return SharedBlog(with_content, database, str(kept.mark["admin_key"]))


def new_database(mariadb: MariaDb) -> Connection:
    """An empty database, and a user who may do all to it and to the bot's scratch copies of it."""
    login = mariadb.new_login()
    mariadb.say(f"GRANT ALL ON `{login.database}\\_ghostbot%`.* TO '{login.user}'@'127.0.0.1'")
    return connection_to(login)


async def put_on_stage(world: World, shared: SharedBlog, site: str, node_major: int) -> None:
    """The blog runs in production of the local App Service; both slots are told the same database."""

    async def settings(slot: str) -> dict[str, str]:
        told = await settings_of(world, site, slot)
        others = {name: value for name, value in told.items() if not name.startswith("database__")}
        return others | shared.database.as_ghosts

    await world.put_site(site, slots=["staging"], node=node_major, running=False)
    wwwroot = await world.wwwroot(site)
    await asyncio.to_thread(shutil.rmtree, wwwroot, ignore_errors=True)
    await lay_out(shared.blog, wwwroot)
    await world.put_site(
        site,
        node=node_major,
        sticky=["url"],
        production={"settings": await settings("production"), "running": True},
        slots={"staging": {"settings": await settings("staging"), "running": False}},
    )
    await world.wait_until_well(site)
