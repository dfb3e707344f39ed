"""What words or a button are about, for the audit."""

import json

from release.records.rows import NoSuchRelease
from release.releases import Releases


async def subject(what: str, about: str, asked_of: str, releases: Releases) -> tuple[str, str]:
    """The site and the release that words or a button are about; empty where there is none.

    `about` is what a button carries (a release, an approval, a site and a version as JSON). Of typed
    words one may be a site; without any, it is the site `asked_of`, or the only one there is.
    """
    approval = await releases.records.approval(about)
    try:
        release = await releases.records.release(approval.release if approval else about)
    except NoSuchRelease:
        words = {word.lower() for word in [*what.split(), *_site_in(about)]}
        named = [site for site in releases.sites if site.lower() in words]
        if asked_of:
            named.append(asked_of)
        if len(releases.sites) == 1:
            named += releases.sites
        return (named[0] if named else "", "")
    return release.site, release.id


def _site_in(value: str) -> list[str]:
    try:
        wish = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return [str(wish.get("site", ""))] if isinstance(wish, dict) else []
