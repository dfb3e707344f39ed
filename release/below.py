"""Where a site is below its address: a blog at https://example.com/blog answers only there."""

from urllib.parse import urlsplit

from release.errors import ReleaseError
from release.site import Site, path_of


class PathsDiffer(ReleaseError):
    problem = "{0} is below {1} in production and below {2} on staging, so the two cannot be compared."
    remedy = (
        "Give the setting {5} of both slots the same path: "
        "`az webapp config appsettings set --slot {3} --slot-settings {5}={4}`, then start again."
    )


async def below_one_path(site: Site) -> None:
    """Both slots are below the same path, asked anew; else PathsDiffer. What no setting tells is taken to be so."""
    path = await site.learn_path()
    setting = site.shape.address_setting
    if setting is None:
        return
    url = (await site.app.settings(site.staging)).get(setting, "")
    if urlsplit(url).scheme in ("http", "https") and path_of(url) != path:
        right = f"{await site.origin(site.staging)}{path}"
        raise PathsDiffer(site.name, path or "/", path_of(url) or "/", site.staging, right, setting)
