"""The audit: who asked for what and what came of it, each entry chained to the one before by its digest.

An entry that is edited, removed, inserted or moved no longer fits its neighbours, and the head, which
holds the last entry's number and digest, shows when the newest ones are cut off. Whoever can rewrite
the whole database can also rewrite the whole chain: a digest noted elsewhere (`ghostbot audit
--verify` prints it, and the operator's log carries each) shows even that.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, func, select, update

from release.records import tables

BOT = "ghostbot"
"""Who did what nobody asked for at that moment: expiry, the end of a release, swapping back."""
START = "0" * 64
"""What stands before the first entry."""
SHORT, LONG = 64, 500
"""Characters kept of a short text and of an outcome; the rest is cut off."""


@dataclass(frozen=True)
class Deed:
    """What somebody (`by`, a Slack id or `ghostbot`) asked for or did, and what came of it.

    `about` is what it was about in their words (a release, an approval, a version); `site`, `release`
    and `channel` are empty where there is none.
    """

    by: str
    what: str
    about: str
    outcome: str
    site: str = ""
    release: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Entry:
    """One deed as it is written. `digest` is sha256 over all of it and the digest of the entry before."""

    id: int
    at: datetime
    deed: Deed
    digest: str


@dataclass(frozen=True)
class Chain:
    """What a check of all entries found; `broken` names the first entry that does not fit, and why."""

    entries: int
    head: str
    broken: str | None


def append(connection: Connection, deed: Deed) -> Entry:
    """Write the next entry, in the caller's transaction: it is there if and only if the deed is.

    The head's row is changed first. That takes the write lock (SQLite) or the row's lock (Postgres)
    until the transaction ends, so writers follow one another and the chain has no fork.
    """
    connection.execute(update(tables.audit_head).values(last=tables.audit_head.c.last + 1))
    head = connection.execute(select(tables.audit_head)).mappings().one()
    row: dict[str, object] = {
        "id": head["last"],
        "at": datetime.now(UTC),
        "by": _kept(deed.by, SHORT),
        "what": _kept(deed.what, SHORT),
        "about": _kept(deed.about, SHORT),
        "site": _kept(deed.site, SHORT),
        "release": _kept(deed.release, SHORT),
        "channel": _kept(deed.channel, SHORT),
        "outcome": _kept(deed.outcome, LONG),
    }
    row["digest"] = chained(row, head["digest"])
    connection.execute(tables.audit.insert().values(row))
    connection.execute(update(tables.audit_head).values(digest=row["digest"]))
    return _entry(row)


def holds(connection: Connection, release: str, what: str, outcome: str) -> bool:
    """Whether this was written already: a routine that a crash cut off runs again and says it again."""
    said = (tables.audit.c.what == _kept(what, SHORT)) & (tables.audit.c.outcome == _kept(outcome, LONG))
    query = select(tables.audit.c.id).where((tables.audit.c.release == release) & said).limit(1)
    return connection.execute(query).first() is not None


def chained(row: Mapping[str, object], before: str) -> str:
    """sha256, in hexadecimal, of an entry's fields and the digest before it, as canonical JSON.

    Canonical: keys sorted, no spaces, UTF-8, the time in UTC with microseconds. The same in every
    ghostbot for ever: changing it would break every chain there is.
    """
    at = row["at"]
    fields = {name: row[name] for name in ("by", "what", "about", "site", "release", "channel", "outcome")}
    fields["id"] = row["id"]
    fields["at"] = at.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(at, datetime) else at
    fields["before"] = before
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def newest(connection: Connection, site: str | None, limit: int) -> tuple[Entry, ...]:
    """The newest entries first; of one site where it is named."""
    query = select(tables.audit).order_by(tables.audit.c.id.desc()).limit(limit)
    if site is not None:
        query = query.where(tables.audit.c.site == site)
    return tuple(_entry(row) for row in connection.execute(query).mappings())


def verify(connection: Connection) -> Chain:
    """Read all entries, oldest first and a few at a time, and stop at the first that does not fit."""
    # The head first: entries written meanwhile come after it, and are not missed.
    head = connection.execute(select(tables.audit_head)).mappings().one()
    before, expected = START, 1
    query = select(tables.audit).where(tables.audit.c.id <= head["last"]).order_by(tables.audit.c.id)
    for row in connection.execute(query.execution_options(yield_per=500)).mappings():
        if row["id"] != expected:
            return Chain(expected - 1, before, f"entry {expected} is missing")
        digest = chained(dict(row), before)
        if digest != row["digest"]:
            return Chain(expected - 1, before, f"entry {expected} is not what was written")
        before, expected = digest, expected + 1
    count = expected - 1
    if expected <= head["last"]:
        return Chain(count, before, f"entry {expected} is missing, and so is all that followed")
    if before != head["digest"]:
        return Chain(count, before, f"entry {count} is not the last one that was written")
    beyond = select(func.min(tables.audit.c.id)).where(tables.audit.c.id > head["last"])
    stray = connection.execute(beyond).scalar()
    now = connection.execute(select(tables.audit_head.c.last)).scalar_one()
    if stray is not None and now < stray:
        return Chain(count, before, f"entry {stray} was not written by the bot")
    return Chain(count, before, None)


def _entry(row: Mapping[str, object] | RowMapping) -> Entry:
    at = row["at"]
    if not isinstance(at, datetime):
        raise TypeError("the audit's times are times")
    names = ("by", "what", "about", "outcome", "site", "release", "channel")
    deed = Deed(**{name: str(row[name]) for name in names})
    return Entry(int(str(row["id"])), at, deed, str(row["digest"]))


def _kept(text: str, length: int) -> str:
    """As much of a text as is kept: without what no database stores (NUL, half a surrogate pair)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:length]
