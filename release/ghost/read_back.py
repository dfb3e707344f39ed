"""Does a backup come back to life? A Ghost of its very version is booted on a copy of it and asked what it holds.

The copy is disarmed first: two Ghosts on copies of one database both act (facts about Ghost), so this
one must find nothing to publish, nobody to mail and nobody outside to call.
"""

import asyncio
import re
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from release.errors import ReleaseError
from release.ghost.admin_api import AdminApi, admin_api
from release.ghost.build import Package
from release.ghost.cache import Cache
from release.ghost.migrate import CONTENT_FOLDERS
from release.ghost.npm import Npm
from release.ghost.running import DidNotBoot, running
from release.model import ReadBack
from release.trouble import in_words

READ_BACK_SECONDS = 300
THEMES_OF_GHOST = ("source", "casper")
_GENERATOR = re.compile(r'<meta name="generator" content="Ghost ([\d.]+)')

# What would reach out of the copy, each with the columns it needs: versions differ in their tables. Both SQLite and
# MySQL understand these; the word key needs its quotes in MySQL.
_DISARM: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("webhooks", (), "DELETE FROM webhooks"),
    ("posts", ("status",), "UPDATE posts SET status = 'draft' WHERE status = 'scheduled'"),
    ("emails", ("status",), "UPDATE emails SET status = 'failed' WHERE status IN ('pending', 'submitting')"),
    (
        "settings",
        ("key", "value"),
        "UPDATE settings SET value = NULL WHERE `key` LIKE 'stripe_%' OR `key` LIKE 'mailgun_%' OR `key` = 'slack_url'",
    ),
    # A private blog would show its password page instead of its posts.
    ("settings", ("key", "value"), "UPDATE settings SET value = 'false' WHERE `key` = 'is_private'"),
)


class NotReadBack(ReleaseError):
    problem = "A Ghost {0} on a copy of the backup was not what it should be: {1}."
    remedy = "Production is untouched. Do not rely on this backup: look at production, then take another one."


@dataclass(frozen=True)
class _Wanted:
    """What the copy says it holds. `post` is the slug of its newest published post, `key` an Admin API key."""

    posts: int
    members: int
    post: str | None
    key: str | None


@dataclass(frozen=True)
class Disarmed:
    """A content folder with a disarmed copy of the database in SQLite, and the statements that disarmed it."""

    content: Path
    statements: tuple[tuple[str, tuple[str, ...]], ...]
    wanted: _Wanted

    @property
    def copy(self) -> Path:
        return self.content / "data" / "ghost.db"


async def read_back(
    package: Package, backup: Path, work: Path, npm: Npm, seconds: float = READ_BACK_SECONDS
) -> ReadBack:
    """Boot `package` on a copy of `backup`, on a free port of the loopback, and compare what it serves.

    `backup` is not written to, and nothing is left of the copy or the process. NotReadBack says what was
    wrong; it takes at most `seconds`.
    """

    async def where(disarmed: Disarmed) -> dict[str, str]:
        return {
            "database__client": package.driver or "sqlite3",
            "database__connection__filename": str(disarmed.copy),
            "database__useNullAsDefault": "true",
        }

    return await read_back_at(package, backup, where, work, npm, seconds)


async def read_back_at(
    package: Package,
    backup: Path,
    where: Callable[[Disarmed], Awaitable[Mapping[str, str]]],
    work: Path,
    npm: Npm,
    seconds: float = READ_BACK_SECONDS,
) -> ReadBack:
    """As `read_back`, on the database that `where` says, as Ghost is told, and has disarmed."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds), Cache(work).workplace("reading-back") as place:
            disarmed = await asyncio.to_thread(disarm, package, backup, place / "content")
            version, totals = await _booted(package, disarmed, await where(disarmed), npm)
    except TimeoutError as error:
        raise NotReadBack(package.version, f"it took more than {seconds:g} seconds") from error
    except DidNotBoot as error:
        raise NotReadBack(
            package.version, f"it did not boot, {error.args[1]}; its log is {error.args[2]}"
        ) from error
    post = f"/{disarmed.wanted.post}/" if disarmed.wanted.post else None
    return ReadBack(version, post, totals, round(time.monotonic() - started, 1))


async def _booted(
    package: Package, disarmed: Disarmed, database: Mapping[str, str], npm: Npm
) -> tuple[str, dict[str, int]]:
    node = Path(package.node_prefix) / "bin" / "node"
    environment = npm.surroundings(node.parent) | {
        "NODE_ENV": "production",
        **database,
        "paths__contentPath": str(disarmed.content),
    }
    log = npm.cache.log(f"reading-back-{package.version}")
    async with running(Path(package.folder), node, environment, log) as url:
        return await _read(url, package.version, disarmed.wanted)


def disarm(package: Package, backup: Path, content: Path) -> Disarmed:
    """A content folder with the themes Ghost ships and a disarmed copy of the database."""
    content.parent.chmod(0o700)  # the copy holds what the backup does
    for name in CONTENT_FOLDERS:
        (content / name).mkdir(parents=True)
    themes = Path(package.folder) / "content" / "themes"
    shutil.copytree(themes, content / "themes", dirs_exist_ok=True, symlinks=True)
    copy = content / "data" / "ghost.db"
    shutil.copyfile(backup, copy)
    with closing(sqlite3.connect(copy)) as database, database:
        statements: list[tuple[str, tuple[str, ...]]] = [
            (statement, ()) for table, columns, statement in _DISARM if _has(database, table, *columns)
        ]
        statements += _wear_a_theme_of_ghost(database, content / "themes")
        for statement, values in statements:
            database.execute(statement, values)
        return Disarmed(content, tuple(statements), _wanted(database))


def _has(database: sqlite3.Connection, table: str, *columns: str) -> bool:
    found = {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')}
    return bool(found) and found >= set(columns)


def _wear_a_theme_of_ghost(database: sqlite3.Connection, themes: Path) -> list[tuple[str, tuple[str, ...]]]:
    """The blog's own theme is content, not in the backup: without it the front page would only answer 500."""
    found = database.execute("SELECT value FROM settings WHERE `key` = 'active_theme'").fetchone()
    if found is None or (themes / str(found[0])).is_dir():
        return []
    shipped = [name for name in THEMES_OF_GHOST if (themes / name).is_dir()]
    return [("UPDATE settings SET value = ? WHERE `key` = 'active_theme'", (shipped[0],))] if shipped else []


def _wanted(database: sqlite3.Connection) -> _Wanted:
    (posts,) = database.execute("SELECT count(*) FROM posts").fetchone()
    members = 0
    if _has(database, "members"):
        (members,) = database.execute("SELECT count(*) FROM members").fetchone()
    post = None
    if _has(database, "posts", "type", "status", "published_at"):
        post = database.execute(
            "SELECT slug FROM posts WHERE type = 'post' AND status = 'published'"
            " ORDER BY published_at DESC, id LIMIT 1"
        ).fetchone()
    key = None
    if _has(database, "api_keys", "type", "secret", "integration_id") and _has(
        database, "integrations", "type"
    ):
        key = database.execute(
            "SELECT api_keys.id || ':' || api_keys.secret FROM api_keys"
            " JOIN integrations ON integrations.id = api_keys.integration_id"
            " WHERE api_keys.type = 'admin' AND integrations.type = 'custom' LIMIT 1"
        ).fetchone()
    return _Wanted(posts, members, post[0] if post else None, key[0] if key else None)


async def _read(url: str, exact: str, wanted: _Wanted) -> tuple[str, dict[str, int]]:
    """The version that the front page tells, and the totals that the Admin API lists; NotReadBack if wrong."""
    # trust_env off: a proxy of the machine has no business on its loopback.
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        try:
            version = await _page(client, "/", exact)
            if wanted.post:
                await _page(client, f"/{wanted.post}/", exact)
            totals = {}
            if wanted.key:
                api, key = admin_api(exact), wanted.key
                totals["posts"] = sum([await _total(client, name, api, key) for name in ("posts", "pages")])
                totals["members"] = await _total(client, "members", api, key)
        except httpx.HTTPError as error:
            raise NotReadBack(exact, f"it stopped answering ({in_words(error)})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise NotReadBack(exact, "its Admin API does not list what it holds") from error
    held = {"posts": wanted.posts, "members": wanted.members}
    for name, total in totals.items():
        if total != held[name]:
            raise NotReadBack(exact, f"it serves {total} {name}, and the backup holds {held[name]}")
    return version, totals


async def _page(client: httpx.AsyncClient, path: str, exact: str) -> str:
    """The version of the Ghost that made this page."""
    answer = await client.get(path)
    if answer.status_code != 200:
        raise NotReadBack(exact, f"it answers {answer.status_code} on {path}")
    found = _GENERATOR.search(answer.text)
    if found is None:
        raise NotReadBack(exact, f"{path} does not say which Ghost made it")
    if found[1] != exact.rpartition(".")[0]:
        raise NotReadBack(exact, f"{path} was made by Ghost {found[1]}")
    return found[1]


async def _total(client: httpx.AsyncClient, what: str, api: AdminApi, key: str) -> int:
    answer = await client.get(
        f"{api.path}/{what}/",
        params={"limit": "1"},
        headers={"Authorization": f"Ghost {api.token(key)}"},
    )
    return int(answer.json()["meta"]["pagination"]["total"])
