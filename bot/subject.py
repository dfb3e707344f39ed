"""What words or a button are about, for the audit."""

import json

from release.records.rows import NoSuchRelease
from release.releases import Releases


async def subject(what: str, about: str, releases: Releases) -> tuple[str, str]:
    """The site and the release that words or a button are about; empty where there is none.

    `about` is what a button carries (a release, an approval, a site and a version as JSON). Of typed
    words one may be a site; without any, it is the only site there is.
    """
    approval = await releases.records.approval(about)
    try:
        release = await releases.records.release(approval.release if approval else about)
    except NoSuchRelease:
        words = {word.lower() for word in [*what.split(), *_site_in(about)]}
        named = [site for site in releases.sites if site.lower() in words]
        chosen = named or (list(releases.sites) if len(releases.sites) == 1 else [])
        return (chosen[0] if chosen else "", "")
    return release.site, release.id


def _site_in(value: str) -> list[str]:
    try:
        wish = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return [str(wish.get("site", ""))] if isinstance(wish, dict) else []
