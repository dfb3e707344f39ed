"""What a swap does to settings: those that would move into production and should stay, and those that should move.

A setting that is not sticky goes with the content, so after a swap production has staging's. Both slots are compared by
name and by what the values mean; no value is ever part of what is said about it.
"""

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from release.errors import ReleaseError
from release.site import PRODUCTION, Site

NAMED = 8
"""How many names one sentence lists."""


class AddressWouldMove(ReleaseError):
    problem = (
        "The setting {1} of {0} is not sticky and differs between its slots: a swap would give production "
        "staging's address."
    )
    remedy = (
        "Make it stay with its slot: `az webapp config appsettings set --slot-settings {1}=...` for production "
        "and for staging, then start again."
    )


class DatabaseWouldMove(ReleaseError):
    problem = "{1} of {0} names another database on staging and is not sticky: a swap would give production staging's."
    remedy = (
        "Make it stay with its slot, for production and for staging: `az webapp config appsettings set "
        "--slot-settings {1}=...`, or `az webapp config connection-string set --slot-settings` where it is a "
        "connection string. Then start again."
    )


class PackageWouldStay(ReleaseError):
    problem = (
        "{1} of {0} is sticky and names another package on each slot: a swap would leave production with the old "
        "one."
    )
    remedy = "Take it from the list of slot settings (the box Deployment slot setting), then start again."


class Meaning(StrEnum):
    """What a setting is about, as far as its name and its values tell."""

    ADDRESS = "address"
    DATABASE = "database"
    MAIL = "mail"
    OTHER = "other"


@dataclass(frozen=True)
class Stored:
    """An app setting or a connection string on both slots; None where a slot has it not. The values are secrets."""

    name: str
    production: str | None
    staging: str | None
    sticky: bool
    kind: str = ""

    def __repr__(self) -> str:  # never the values, wherever it is shown
        return f"Stored({self.name!r})"

    @property
    def differs(self) -> bool:
        return self.production != self.staging

    @property
    def moves(self) -> bool:
        """A swap changes what production has."""
        return self.differs and not self.sticky


@dataclass(frozen=True)
class SlotSettings:
    """What was found: what would break production, and what the people who approve should know."""

    problems: tuple[ReleaseError, ...]
    warnings: tuple[str, ...]


async def compare_settings(site: Site, but: Collection[str] = ()) -> SlotSettings:
    """App settings and connection strings of both slots, compared. `but` are names that the bot itself looks after."""
    stored, slot = await asyncio.gather(stored_on_both(site), site.app.slot(site.staging))
    return found_in(site.name, [one for one in stored if one.name not in but], urlsplit(slot.url).netloc)


async def stored_on_both(site: Site) -> list[Stored]:
    """Every app setting and connection string of either slot."""
    production, staging, sticky = await asyncio.gather(
        site.app.settings(PRODUCTION), site.app.settings(site.staging), site.app.sticky_settings()
    )
    strings, stagings, sticky_strings = await asyncio.gather(
        site.app.connection_strings(PRODUCTION),
        site.app.connection_strings(site.staging),
        site.app.sticky_connection_strings(),
    )
    kinds = {name: kind for found in (stagings, strings) for name, (_, kind) in found.items()}
    return [
        *_both(production, staging, sticky, {}),
        *_both(_values(strings), _values(stagings), sticky_strings, kinds),
    ]


def _values(strings: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, (value, _) in strings.items()}


def _both(
    production: Mapping[str, str], staging: Mapping[str, str], sticky: set[str], kinds: Mapping[str, str]
) -> list[Stored]:
    # Names of settings have no case for Azure.
    known = {name.casefold() for name in sticky}
    return [
        Stored(name, production.get(name), staging.get(name), name.casefold() in known, kinds.get(name, ""))
        for name in sorted(production.keys() | staging.keys())
    ]


def found_in(site: str, stored: Iterable[Stored], staging_host: str) -> SlotSettings:
    """What the comparison means. `staging_host` is staging's own address: production must never show it to anybody."""
    problems: list[ReleaseError] = []
    moving: dict[Meaning, list[str]] = {meaning: [] for meaning in Meaning}
    lost, kept_back = [], []
    for one in stored:
        if one.sticky and one.differs and one.name.upper() in _GOES_WITH_THE_CODE:
            if is_a_package(one):
                problems.append(PackageWouldStay(site, one.name))
            else:
                kept_back.append(one.name)
        if not one.moves:
            continue
        if is_the_address(one, staging_host):
            problems.append(AddressWouldMove(site, one.name))
        elif names_another_database(one):
            problems.append(DatabaseWouldMove(site, one.name))
        elif one.staging is None:
            lost.append(one.name)
        else:
            moving[meaning_of(one)].append(one.name)
    return SlotSettings(tuple(problems), tuple(_told(moving, lost, kept_back)))


def _told(moving: Mapping[Meaning, list[str]], lost: list[str], kept_back: list[str]) -> Iterable[str]:
    stays = "Make it a slot setting on both slots if each is to keep its own."
    about = {
        Meaning.ADDRESS: "says where a slot is",
        Meaning.DATABASE: "says how the database is reached",
        Meaning.MAIL: "says how mail is sent",
    }
    for meaning, words in about.items():
        if moving[meaning]:
            yield f"{_names(moving[meaning])} {words}, differs and is not sticky: production gets staging's. {stays}"
    if lost:
        yield f"{_names(lost)} is set in production only and is not sticky: a swap takes it from production. {stays}"
    if moving[Meaning.OTHER]:
        yield f"Settings that differ and go live with the swap: {_names(moving[Meaning.OTHER])} (values not shown)."
    if kept_back:
        yield (
            f"{_names(kept_back)} is sticky and differs, but belongs to the code: the new code would run in "
            "production with what the old one needed. Take it from the list of slot settings."
        )


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


_GOES_WITH_THE_CODE = frozenset(
    {
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_NODE_DEFAULT_VERSION",
        "WEBSITES_PORT",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "DOCKER_CUSTOM_IMAGE_NAME",
    }
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ADDRESS_WORDS = frozenset({"url", "uri", "host", "hostname", "domain", "origin", "origins", "endpoint"})
_MAIL_WORDS = frozenset({"mail", "email", "smtp", "sendgrid", "mailgun", "postmark", "newsletter"})
_DATABASE_WORDS = frozenset(
    {
        "database",
        "db",
        "mysql",
        "mariadb",
        "postgres",
        "postgresql",
        "pg",
        "sql",
        "mssql",
        "mongo",
        "mongodb",
        "dsn",
    }
)
_DATABASE_KINDS = frozenset({"mysql", "sqlserver", "sqlazure", "postgresql", "docdb"})
_DATABASE_URL = re.compile(
    r"(?:postgres(?:ql)?|mysql2?|mariadb|mongodb|sqlserver|mssql)(?:\+\w+)?://", re.IGNORECASE
)
# The last word of a setting that holds one part of a connection, as DB_NAME and database__connection__host do.
_WHICH_DATABASE = frozenset(
    {"host", "hostname", "server", "database", "name", "dbname", "db", "port", "catalog"}
)
_SERVER_KEYS = ("server", "datasource", "host", "addr", "address", "networkaddress", "servername")
_DATABASE_KEYS = ("database", "initialcatalog", "dbname")
_A_FILE = re.compile(r"(?:\.db|\.db3|\.sqlite3?|:memory:)$|^sqlite", re.IGNORECASE)


def words_of(name: str) -> list[str]:
    """`database__connection__host` and `PublicBaseUrl` as words in small letters."""
    return [word.lower() for word in _WORD.findall(name)]


def meaning_of(one: Stored) -> Meaning:
    """What a setting is about."""
    words = set(words_of(one.name))
    values = [value for value in (one.production, one.staging) if value]
    if words & _MAIL_WORDS:
        return Meaning.MAIL
    if (
        one.kind.lower() in _DATABASE_KINDS
        or words & _DATABASE_WORDS
        or any(map(_DATABASE_URL.match, values))
    ):
        return Meaning.DATABASE
    if words & _ADDRESS_WORDS or any(re.match("https?://", value, re.IGNORECASE) for value in values):
        return Meaning.ADDRESS
    return Meaning.OTHER


def is_the_address(one: Stored, staging_host: str) -> bool:
    """The address that an app gives out as its own: its `url`, or anything with staging's host name in it."""
    if one.name.lower() == "url":
        return True
    return bool(one.staging and staging_host and staging_host.lower() in one.staging.lower())


def is_a_package(one: Stored) -> bool:
    """WEBSITE_RUN_FROM_PACKAGE with the address of a package: that is the code itself."""
    return one.name.upper() == "WEBSITE_RUN_FROM_PACKAGE" and any(
        (value or "").lower().startswith("http") for value in (one.production, one.staging)
    )


def names_another_database(one: Stored) -> bool:
    """Both slots name a database on a server, and not the same one. A file moves with the content."""
    if not one.production or not one.staging or meaning_of(one) is not Meaning.DATABASE:
        return False
    if _A_FILE.search(one.production) or _A_FILE.search(one.staging):
        return False
    here, there = database_named_by(one.production), database_named_by(one.staging)
    if here is not None and there is not None:
        return here != there
    plain = here is None and there is None and not any(map(_from_key_vault, (one.production, one.staging)))
    return plain and bool(set(words_of(one.name)[-1:]) & _WHICH_DATABASE)


def _from_key_vault(value: str) -> bool:
    return value.startswith("@Microsoft.KeyVault")


def database_named_by(value: str) -> tuple[str, str] | None:
    """Server and database of a connection string or address, in small letters; None where it is neither."""
    if _DATABASE_URL.match(value):
        try:
            parts = urlsplit(value)
            return f"{parts.hostname or ''}:{parts.port or ''}", parts.path.strip("/").lower()
        except ValueError:
            return None
    pairs = {
        key.replace(" ", "").replace("_", "").lower(): part.strip().strip("'\"").lower()
        for key, sign, part in (piece.partition("=") for piece in value.split(";" if ";" in value else None))
        if sign
    }
    server = next((pairs[key] for key in _SERVER_KEYS if key in pairs), None)
    database = next((pairs[key] for key in _DATABASE_KEYS if key in pairs), None)
    if server is None and database is None:
        return None
    return (server or "").removeprefix("tcp:"), database or ""
