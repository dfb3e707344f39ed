"""The announcement of a new Ghost version, and the word to who wanted to be reminded of one."""

import json

from slack_sdk.models.blocks import ButtonElement

from bot.render.approval import RELEASE_NOTES
from bot.render.message import (
    Message,
    button,
    buttons,
    confirm,
    context,
    escape,
    message,
    person,
    section,
    whole,
)
from bot.render.notes import what_is_new
from release.model import SiteVersions, Versions, WhatIsNew

SITES_WITH_BUTTON = 20
ROOM_FOR_SITES = 2000
"""Characters: with what is new, and why a notice is closed, it stays below what Slack takes."""


def version_notice(
    version: str,
    versions: Versions,
    closed: str | None = None,
    slash: str = "/ghost",
    new: WhatIsNew | None = None,
) -> Message:
    """What is new, how far behind each site is, and what can be done about it; or, escaped, why it is closed."""
    word = ", with security fixes" if new and new.is_about_security else ""
    title = f":ghost: *Ghost {escape(version)} is out{word}.* "
    title += f"<{RELEASE_NOTES.format(escape(version))}|Release notes>"
    sites = _site_lines(version, versions, slash)
    if closed is not None:
        text = "\n".join(part for part in (title, sites, closed) if part)
        return message(text, section(text))
    told = what_is_new(new)
    text = "\n".join(part for part in (title, told, sites) if part)
    if versions.skipped(version):
        by = {skip.by: person(skip.by) for skip in versions.skips if skip.version == version}
        text += f"\nSkipped by {' and '.join(by.values())}: nobody is asked about this version again."
        return message(text, section(text), buttons(button("Undo skip", "unskip", version)))
    wanting = [site for site in _its_own_first(version, versions) if _wants(site, version, versions)]
    upgrade = [
        upgrade_button(site, version, f"upgrade:{number}", f"Upgrade {site.site}")
        for number, site in enumerate(wanting[:SITES_WITH_BUTTON])
    ]
    hint = "An upgrade is tested on staging and asks for approval before visitors see it."
    if len(wanting) > SITES_WITH_BUTTON:
        left = len(wanting) - SITES_WITH_BUTTON
        hint += f" For {left} more sites without a button: `{slash} upgrade {escape(version)} SITE`."
    if len(versions.sites) > 1:
        hint += f" `{slash} skip {escape(version)} SITE` skips it for one site, `{slash} unskip` undoes it."
    return message(
        text,
        section("\n".join(part for part in (title, told) if part)),
        section(sites) if sites else None,
        buttons(
            *upgrade, button("Remind me", "remind", version), button("Skip this version", "skip", version)
        ),
        context(hint),
    )


def upgrade_button(site: SiteVersions, version: str, action: str, label: str) -> ButtonElement:
    """Begins the upgrade of a site, after a question."""
    ask = confirm(
        f"Upgrade {site.site}?",
        f"{escape(site.site)} goes from {escape(site.current)} to {escape(version)} on staging first. "
        "Production changes only once someone approves.",
        "Start",
    )
    value = json.dumps({"site": site.site, "version": version}, ensure_ascii=False)
    return button(label, action, value, "primary", ask)


def reminded(version: str, versions: Versions, link: str | None, slash: str = "/ghost") -> Message:
    """What somebody wanted to hear of again; the notice in the channel has the buttons."""
    where = f"<{link}|The notice> has the buttons." if link else "Its notice in the channel has the buttons."
    title = f":alarm_clock: You wanted to be reminded: *Ghost {escape(version)} is out.* {where}"
    text = "\n".join(part for part in (title, _site_lines(version, versions, slash)) if part)
    return message(text, section(text))


def behind_first(sites: tuple[SiteVersions, ...]) -> list[SiteVersions]:
    """What could not be looked at, then what is furthest behind; as it was otherwise."""
    return sorted(sites, key=lambda site: (not site.trouble and site.current is not None, -site.behind))


def _its_own_first(version: str, versions: Versions) -> list[SiteVersions]:
    """As `behind_first`, and before the others those for which nothing newer is out."""
    return sorted(behind_first(versions.sites), key=lambda site: site.newest not in ("", version))


def _site_lines(version: str, versions: Versions, slash: str) -> str:
    lines = [
        _site_line(site, version, versions)
        for site in _its_own_first(version, versions)
        if site.runs(version) or not site.is_past(version)
    ]
    return whole(lines, ROOM_FOR_SITES, f"and {{}} more: `{slash} versions SITE`") if lines else ""


def _wants(site: SiteVersions, version: str, versions: Versions) -> bool:
    """Whether the site can go there, and nobody has skipped this version for it."""
    return site.offers(version) and versions.skip_of(version, site.site) is None


def _site_line(site: SiteVersions, version: str, versions: Versions) -> str:
    if site.trouble or site.current is None:
        return f"• {escape(site.site)}: {escape(site.trouble) if site.current else 'its version could not be read'}"
    if site.runs(version):
        return f"• {escape(site.site)} runs {escape(site.current)} already"
    if not site.offers(version):
        return f"• {escape(site.site)} runs {escape(site.current)}; its own source does not have {escape(version)} yet"
    line = f"• {escape(site.site)} runs {escape(site.current)}, {_count(site.behind)} behind"
    skip = versions.skip_of(version, site.site)
    if skip is not None:
        return f"{line}; skipped by {person(skip.by)}"
    if site.stops:
        line += f"; one upgrade takes its database there, by way of {escape(', '.join(site.stops))}"
    if site.newest_node and site.newest_node != site.node:
        line += f"; needs Node {escape(site.newest_node)}"
        line += f", not {escape(site.node)}" if site.node else ""
    return line


def _count(behind: int) -> str:
    return "1 version" if behind == 1 else f"{behind} versions"
