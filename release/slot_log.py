"""The end of a slot's newest log, as its platform keeps it in files."""

from dataclasses import dataclass

from release.azure.kudu import Entry, Kudu
from release.errors import ReleaseError
from release.masking import masked
from release.site import PRODUCTION, WWWROOT, Site

# Where containers and Linux apps, apps on Windows, and iisnode write (Azure's own names).
FOLDERS = ("LogFiles", "LogFiles/Application", f"{WWWROOT}/iisnode")
LAST_BYTES = 64 * 1024


class NoSuchSlot(ReleaseError):
    problem = "{0} has no slot called {1}."
    remedy = "Say production or {2}."


class NoLog(ReleaseError):
    problem = "{0} has written no log yet."
    remedy = "Switch on the app's log in the portal (App Service logs, or Log stream), then look again."


@dataclass(frozen=True)
class SlotLog:
    """The last lines of the file `name`, oldest first, without secrets. `written_at` as Kudu tells it."""

    slot: str
    name: str
    written_at: str
    lines: tuple[str, ...]


async def newest_log(site: Site, slot: str | None) -> SlotLog:
    """What the slot (production where none is named) wrote last. Raises NoSuchSlot or NoLog."""
    chosen = (slot or PRODUCTION).lower()
    if chosen not in (PRODUCTION, site.staging.lower()):
        raise NoSuchSlot(site.name, slot, site.staging)
    chosen = PRODUCTION if chosen == PRODUCTION else site.staging
    kudu = await site.kudu(chosen)
    found = await _newest(kudu)
    if found is None:
        raise NoLog(site.app.called(chosen))
    path, entry = found
    start = max(0, entry.size - LAST_BYTES)
    content = await kudu.read_range(path, start, LAST_BYTES)
    lines = masked(content.decode("utf-8", "replace")).splitlines()
    # The first line of a part is most likely half a line.
    return SlotLog(chosen, entry.path, entry.mtime, tuple(lines[1:] if start else lines))


async def _newest(kudu: Kudu) -> tuple[str, Entry] | None:
    logs = [
        (f"{folder}/{entry.path}", entry)
        for folder in FOLDERS
        for entry in await kudu.list(folder)
        if not entry.is_folder and entry.path.endswith((".log", ".txt")) and entry.size
    ]
    return max(logs, key=lambda found: found[1].mtime, default=None)
