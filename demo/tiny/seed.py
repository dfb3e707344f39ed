"""A tiny blog with content, laid out on disk as a slot of App Service holds it."""

import secrets
import shutil
import sqlite3
import struct
import subprocess
import uuid
import zlib
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.tiny.versions import find, install
from demo.webjob import install_webjob
from release.ghost.migrate import CONTENT_FOLDERS
from release.ghost.npm import carried_node

THEME = "harbour"
FIRST_POST = datetime(2024, 5, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Amounts:
    """How much of everything the blog holds."""

    posts: int = 12
    drafts: int = 2
    pages: int = 3
    tags: int = 4
    users: int = 2
    members: int = 20
    images: int = 5


@dataclass(frozen=True)
class Seeded:
    """What was laid out. `admin_key` is "id:secret" for the Admin API."""

    version: str
    wwwroot: str
    database: str
    admin_key: str
    theme: str


def seed(wwwroot: Path, version: str, amounts: Amounts | None = None) -> Seeded:
    """`wwwroot` holds this version with content, a theme of its own and the backup WebJob; takes about 0.3 s.

    An empty folder is expected. The database is made by the version's own migrator.
    """
    amounts = amounts or Amounts()
    install(find(version), wwwroot)
    for name in CONTENT_FOLDERS:
        (wwwroot / "content" / name).mkdir(parents=True, exist_ok=True)
    install_webjob(wwwroot)
    _add_theme(wwwroot)
    images = _add_images(wwwroot, amounts.images)
    database = wwwroot / "content" / "data" / "ghost.db"
    _create_database(wwwroot)
    with closing(sqlite3.connect(database)) as connection, connection:
        _add_people(connection, amounts)
        _add_posts(connection, amounts, images)
        connection.execute("UPDATE settings SET value = ? WHERE key = 'active_theme'", (THEME,))
        admin_key = _add_key(connection)
    return Seeded(version, str(wwwroot), str(database), admin_key, THEME)


def _create_database(wwwroot: Path) -> None:
    migrator = wwwroot / "node_modules" / "knex-migrator" / "bin" / "knex-migrator-migrate.js"
    subprocess.run(
        [str(carried_node().node), str(migrator), "--init", "--mgpath", str(wwwroot)],
        env={"PATH": "/usr/bin:/bin", "NODE_NO_WARNINGS": "1"},
        cwd=wwwroot,
        check=True,
        capture_output=True,
        timeout=60,
    )
    for export in (wwwroot / "content" / "data").glob("export-*.json"):
        export.unlink()


def _add_theme(wwwroot: Path) -> None:
    themes = wwwroot / "content" / "themes"
    shutil.copytree(themes / "casper", themes / THEME)
    (themes / THEME / "package.json").write_text(
        f'{{"name": "{THEME}", "version": "1.0.0", "description": "A theme of the blog\'s own"}}\n'
    )
    with (themes / THEME / "assets" / "screen.css").open("a") as style:
        style.write("header { background: #0b4f6c; padding: 1rem; } header a { color: white; }\n")


def _add_images(wwwroot: Path, count: int) -> list[str]:
    folder = wwwroot / "content" / "images" / "2024" / "05"
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"picture-{number + 1}.png").write_bytes(picture(number))
    return [f"__GHOST_URL__/content/images/2024/05/picture-{number + 1}.png" for number in range(count)]


def picture(number: int, width: int = 64, height: int = 40) -> bytes:
    """A small PNG, each number in another colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    colour = bytes((40 + number * 37 % 200, 90 + number * 61 % 150, 120 + number * 83 % 120))
    rows = b"".join(b"\0" + colour * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _add_people(database: sqlite3.Connection, amounts: Amounts) -> None:
    at = _written(0)
    database.execute("UPDATE users SET name = 'Ann Owner', slug = 'ann', email = 'ann@example.com'")
    for number in range(1, amounts.users):
        name = f"Author {number}"
        database.execute(
            "INSERT INTO users (id, name, slug, email, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
            (_id(), name, f"author-{number}", f"author{number}@example.com", at, at),
        )
    for number in range(1, amounts.members + 1):
        member = _id()
        database.execute(
            "INSERT INTO members (id, uuid, email, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
            (member, str(uuid.uuid4()), f"reader{number}@example.com", f"Reader {number}", at, at),
        )
        database.execute("INSERT INTO members_newsletters VALUES (?, ?, 'n1')", (_id(), member))


def _add_posts(database: sqlite3.Connection, amounts: Amounts, images: list[str]) -> None:
    tags = [_id() for _ in range(amounts.tags)]
    for number, tag in enumerate(tags, start=1):
        database.execute(
            "INSERT INTO tags (id, name, slug, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
            (tag, f"Topic {number}", f"topic-{number}", _written(0), _written(0)),
        )
    users = [row[0] for row in database.execute("SELECT id FROM users ORDER BY slug")]
    kinds = ["post"] * (amounts.posts + amounts.drafts) + ["page"] * amounts.pages
    for number, kind in enumerate(kinds):
        draft = kind == "post" and number >= amounts.posts
        title = f"{'Page' if kind == 'page' else 'Draft' if draft else 'Post'} {number + 1}"
        post = _id()
        database.execute(
            "INSERT INTO posts (id, uuid, title, slug, html, feature_image, type, status,"
            " created_at, updated_at, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                post,
                str(uuid.uuid4()),
                title,
                title.lower().replace(" ", "-"),
                f"<p>{title}: the tide came in, and the boats rose with it.</p>",
                images[number % len(images)] if images else None,
                kind,
                "draft" if draft else "published",
                _written(number),
                _written(number),
                None if draft else _written(number),
            ),
        )
        database.execute(
            "INSERT INTO posts_meta (id, post_id, meta_title) VALUES (?, ?, ?)", (_id(), post, title)
        )
        author = users[number % len(users)]
        database.execute("INSERT INTO posts_authors VALUES (?, ?, ?, 0)", (_id(), post, author))
        if tags:
            tag = tags[number % len(tags)]
            database.execute("INSERT INTO posts_tags VALUES (?, ?, ?, 0)", (_id(), post, tag))


def _add_key(database: sqlite3.Connection) -> str:
    key, secret = _id(), secrets.token_hex(32)
    database.execute("INSERT INTO integrations VALUES ('i1', 'custom', 'ghostbot', 'ghostbot')")
    database.execute("INSERT INTO api_keys VALUES (?, 'admin', ?, 'i1', NULL)", (key, secret))
    return f"{key}:{secret}"


def _written(day: int) -> str:
    return (FIRST_POST + timedelta(days=day)).strftime("%Y-%m-%d %H:%M:%S")


def _id() -> str:
    return secrets.token_hex(12)
