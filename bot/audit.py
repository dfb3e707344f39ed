"""`ghostbot audit`: who asked for what and what came of it, and whether that record is whole."""

import json
import os
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from bot.settings import Settings
from release.errors import ReleaseError, UnknownSite
from release.records import Chain, Entry, Records, open_records


class AuditBroken(ReleaseError):
    problem = "The audit is not as it was written: {0}."
    remedy = (
        "Somebody changed the bot's database. The {1} entries before it are whole. Compare with a backup of "
        "the database, and with the digests in the bot's log (“Audited”)."
    )


class NoRecords(ReleaseError):
    problem = "There are no records at {0} that can be opened."
    remedy = "Run it where the bot runs, as its user and with its data_folder."


async def audit(
    settings: Settings, console: Console, site: str | None, limit: int, as_json: bool, check: bool
) -> None:
    """Print the audit, or with `check` whether it is whole. Raises AuditBroken, naming the first wrong entry.

    On a terminal a table; else a line an entry with tabs between its fields, oldest first.
    """
    _are_there(settings.records_url)
    with closing(open_records(settings.records_url)) as records:
        if check:
            _tell_chain(await records.verify_audit(), console, as_json)
            return
        entries = await _oldest_first(records, site, limit)
        if site is not None and site not in settings.sites and not entries:
            raise UnknownSite(site, ", ".join(settings.sites))
        _tell_entries(entries, console, as_json)


def _are_there(url: str) -> None:
    """Opening a SQLite file makes one that is missing, and of that one nothing would be missing."""
    where = make_url(url)
    if where.get_backend_name() == "sqlite" and not os.access(Path(str(where.database)), os.R_OK | os.W_OK):
        raise NoRecords(str(where.database))


async def _oldest_first(records: Records, site: str | None, limit: int) -> tuple[Entry, ...]:
    return tuple(reversed(await records.audited(site, limit)))


def _tell_chain(chain: Chain, console: Console, as_json: bool) -> None:
    if as_json:
        told = {"whole": chain.broken is None, "entries": chain.entries, "head": chain.head}
        console.print_json(json.dumps({**told, "broken": chain.broken}))
    if chain.broken is not None:
        raise AuditBroken(chain.broken, str(chain.entries))
    if not as_json:
        console.print(f"{chain.entries} entries, none changed, none missing. The last digest, to be noted:")
        console.print(chain.head, highlight=False)


def _tell_entries(entries: tuple[Entry, ...], console: Console, as_json: bool) -> None:
    rows = [_row(entry) for entry in entries]
    if as_json:
        console.file.write(json.dumps(rows, indent=1) + "\n")
        return
    shown = ("id", "at", "by", "what", "site", "release", "channel", "outcome")
    if not console.is_terminal:
        console.file.writelines("\t".join(row[name] for name in shown) + "\n" for row in rows)
        return
    table = Table(*("entry", "when (UTC)", "who", "what", "site", "release", "channel", "outcome"))
    for row in rows:
        table.add_row(*(row[name] for name in shown))
    console.print(table if rows else "Nobody has asked for anything yet.", markup=False)


def _row(entry: Entry) -> dict[str, str]:
    """An entry as text; what people typed cannot break a line or colour a terminal."""
    told = {
        "id": str(entry.id),
        "at": entry.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        **vars(entry.deed),
        "digest": entry.digest,
    }
    return {name: "".join(c if c.isprintable() else " " for c in text) for name, text in told.items()}
