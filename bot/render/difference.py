"""What differs between staging and production."""

from slack_sdk.models.blocks import Block

from bot.render.message import Message, context, escape, message, section, size, table
from release.difference import SettingDiffers, SlotsCompared
from release.model import PageDiffers, PageSeen

SETTINGS_SHOWN = 40
PAGES_SHOWN = 30


def difference(compared: SlotsCompared) -> Message:
    """Settings by name, and pages side by side; a word before each that differs."""
    site = escape(compared.site)
    settings = _settings(compared.settings)
    changed = [page for page in compared.pages if page.differs]
    if not compared.staging_runs:
        pages = "Staging is stopped, so no pages were compared."
    elif changed:
        pages = f"{len(changed)} of {len(compared.pages)} pages differ: " + ", ".join(
            escape(page.path) for page in changed[:5]
        )
    else:
        pages = f"All {len(compared.pages)} pages look the same: status, title and about the size."
    blocks: list[Block | None] = [
        section(f"*{site}: staging against production*\n{settings}"),
        section(f"*Pages*\n{pages}"),
    ]
    if compared.pages:
        blocks.append(_table(sorted(compared.pages, key=lambda page: not page.differs)))
    blocks.append(context("Values of settings are never shown. Nothing was changed."))
    return message(f"{site}: staging against production. {settings} {pages}", *blocks)


def differs_line(page: PageDiffers) -> str:
    """`/about/: 200 “About”, 12 kB becomes 404 “Not found”, 3 kB`; escaped."""
    return f"`{escape(page.path)}`: {_seen(page.production)} becomes {_seen(page.staging)}"


def _seen(page: PageSeen) -> str:
    title = f" “{escape(page.title)}”" if page.title else ""
    return f"{escape(page.status)}{title}, {size(page.size)}"


def _cell(page: PageSeen) -> str:
    """As `_seen`, with the time, for a cell of a table, where nothing is markup."""
    title = f" {page.title}" if page.title else ""
    return f"{page.status}{title}, {size(page.size)}, {page.milliseconds} ms"


def _settings(found: tuple[SettingDiffers, ...]) -> str:
    if not found:
        return "No setting differs."
    go = [one for one in found if one.goes]
    stay = [one for one in found if not one.goes]
    lines = []
    if go:
        lines.append(f":warning: With a swap these go into production: {_names(go)}.")
    if stay:
        lines.append(f"These differ and stay with their slots: {_names(stay)}.")
    return "\n".join(lines)


def _names(found: list[SettingDiffers]) -> str:
    more = f" and {len(found) - SETTINGS_SHOWN} more" if len(found) > SETTINGS_SHOWN else ""
    return ", ".join(f"`{escape(one.name)}`{_only(one)}" for one in found[:SETTINGS_SHOWN]) + more


def _only(one: SettingDiffers) -> str:
    if one.on_production and one.on_staging:
        return ""
    return " (production only)" if one.on_production else " (staging only)"


def _table(pages: list[PageDiffers]) -> Block:
    rows = [
        (
            f"⚠ {page.path}" if page.differs else page.path,
            _cell(page.staging),
            _cell(page.production),
        )
        for page in pages[:PAGES_SHOWN]
    ]
    return table(("Page", "Staging", "Production"), rows)
