"""The announcement of a new Ghost version."""

import json

from bot.render.approval import RELEASE_NOTES
from bot.render.message import Message, button, buttons, confirm, context, escape, message, section
from release.model import SiteVersions, Versions

SITES_WITH_BUTTON = 20


def version_notice(version: str, versions: Versions, closed: str | None = None) -> Message:
    """What is new, how far behind each site is, and what can be done about it; or, escaped, why it is closed."""
    title = (
        f":ghost: *Ghost {escape(version)} is out.* <{RELEASE_NOTES.format(escape(version))}|Release notes>"
    )
    behind = [site for site in versions.sites if site.current and site.behind > 0 and site.current != version]
    lines = [_site_line(site) for site in versions.sites]
    text = "\n".join([title, *lines])
    if closed is not None:
        text += f"\n{closed}"
        return message(text, section(text))
    upgrade = [
        button(
            f"Upgrade {site.site}",
            f"upgrade:{number}",
            json.dumps({"site": site.site, "version": version}, ensure_ascii=False),
            "primary",
            confirm(
                f"Upgrade {site.site}?",
                f"{escape(site.site)} goes from {escape(site.current)} to {escape(version)} on staging first. "
                "Production changes only once someone approves.",
                "Start",
            ),
        )
        for number, site in enumerate(behind[:SITES_WITH_BUTTON])
    ]
    return message(
        text,
        section(text),
        buttons(*upgrade, button("Skip this version", "skip", version)),
        context("An upgrade is tested on staging and asks for approval before visitors see it."),
    )


def _site_line(site: SiteVersions) -> str:
    if site.trouble or site.current is None:
        return f"• {escape(site.site)}: its version could not be read"
    if site.behind == 0:
        return f"• {escape(site.site)} runs {escape(site.current)} already"
    count = "1 version" if site.behind == 1 else f"{site.behind} versions"
    return f"• {escape(site.site)} runs {escape(site.current)}, {count} behind"
