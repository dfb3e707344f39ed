"""/ghost unskip VERSION [SITE]: a skipped version of Ghost is offered again."""

from dataclasses import replace

from commands import skip
from commands.command import Request, Unskipped, known_site
from release.releases import Releases


async def run(asked: skip.Skip, request: Request, releases: Releases) -> Unskipped:
    site = known_site(asked.site, releases.sites)
    await releases.unskip_version(asked.version, request.by, site)
    return Unskipped(asked.version, site)


COMMAND = replace(
    skip.COMMAND,
    name="unskip",
    usage="unskip VERSION [SITE]",
    summary="Take a skip back: the version is offered again",
    example="unskip 6.65.0 blog",
    run=run,
)
