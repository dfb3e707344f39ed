"""A Ghost-shaped database in MariaDB, as small as may be, and a site that has it in its app settings."""

from pathlib import Path

from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, session
from tests.logins import Login
from tests.mariadb import MariaDb

SCHEMA = (
    "CREATE TABLE migrations (id int AUTO_INCREMENT PRIMARY KEY, name varchar(120) NOT NULL,"
    " version varchar(70) NOT NULL, currentVersion varchar(255))",
    "CREATE TABLE migrations_lock (lock_key varchar(191) PRIMARY KEY, locked tinyint(1) DEFAULT 0)",
    "CREATE TABLE users (id varchar(24) PRIMARY KEY, name varchar(191) NOT NULL)",
    "CREATE TABLE settings (id varchar(24) PRIMARY KEY, `key` varchar(50) NOT NULL, value text)",
    "CREATE TABLE posts (id varchar(24) PRIMARY KEY, title varchar(2000) NOT NULL, slug varchar(191) NOT NULL,"
    " html longtext, status varchar(50) NOT NULL, type varchar(50) NOT NULL DEFAULT 'post',"
    " published_at datetime, author varchar(24) NOT NULL,"
    " CONSTRAINT of_author FOREIGN KEY (author) REFERENCES users (id))",
    "CREATE TABLE tags (id varchar(24) PRIMARY KEY, name varchar(191))",
    "CREATE TABLE members (id varchar(24) PRIMARY KEY, email varchar(191), photo blob)",
    "CREATE VIEW published AS SELECT id, title FROM posts WHERE status = 'published'",
    "INSERT INTO migrations (name, version, currentVersion) VALUES ('1-init.js', 'init', '5.100')",
    "INSERT INTO migrations_lock VALUES ('km01', 0)",
    "INSERT INTO users VALUES ('1', 'Ann Müller')",
    "INSERT INTO settings VALUES ('s1', 'title', 'Grün 🌱; -- \"q\"'), ('s2', 'active_theme', 'casper')",
    "INSERT INTO posts VALUES ('p1', 'It''s a \\\\ post', 'its-a-post', '<p>100% 🌱</p>', 'published', 'post',"
    " '2026-01-02 03:04:05', '1'), ('p2', 'Later', 'later', NULL, 'scheduled', 'post', '2030-01-02 03:04:05', '1')",
    "INSERT INTO members VALUES ('m1', 'a@example.com', x'00ff27')",
    "CREATE TRIGGER no_empty BEFORE INSERT ON tags FOR EACH ROW SET NEW.name = COALESCE(NEW.name, 'none')",
    "CREATE PROCEDURE count_posts() SELECT count(*) FROM posts",
)


def config_of(mariadb: MariaDb) -> MySqlConfig:
    return MySqlConfig(programs=Path(mariadb.programs))


def connection_to(login: Login) -> Connection:
    return Connection("127.0.0.1", login.port, login.user, login.password, login.database)


def new_blog(mariadb: MariaDb) -> Connection:
    """A small blog's database, and a user who may do all to it and to the bot's scratch copies of it."""
    login = mariadb.new_login()
    mariadb.say(f"GRANT ALL ON `{login.database}\\_ghostbot%`.* TO '{login.user}'@'127.0.0.1'")
    connection = connection_to(login)
    tell(connection, *SCHEMA)
    return connection


def tell(connection: Connection, *statements: str) -> None:
    with session(connection) as asking, asking.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def asked(connection: Connection, query: str) -> tuple[tuple[object, ...], ...]:
    with session(connection) as asking, asking.cursor() as cursor:
        cursor.execute(query)
        return tuple(cursor.fetchall())
