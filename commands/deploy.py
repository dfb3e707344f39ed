"""/ghost deploy [SITE] ARTEFACT [sha256:DIGEST]: put an artefact on staging and, once approved, into production."""

import re
from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Started, UsageError, Words, known_site
from release.model import Kind
from release.releases import Releases

DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.IGNORECASE)


@dataclass(frozen=True)
class Deploy:
    """`digest` is the sha256 that the artefact must have; `site` None means the only one."""

    site: str | None
    artefact: str
    digest: str | None


def parse(words: Words) -> Deploy:
    digests = [word for word in words.given if word.lower().startswith("sha256:")]
    rest = [word for word in words.given if word not in digests]
    if len(digests) > 1 or any(DIGEST.fullmatch(digest) is None for digest in digests):
        raise UsageError("A digest is one sha256: and 64 hexadecimal digits.")
    if not rest:
        raise UsageError("Say what to deploy: an https address, blob:NAME, or a file of the site's folder.")
    if len(rest) > 2:
        raise UsageError(f"I do not know what to do with “{rest[2]}”.")
    site = rest[0] if len(rest) == 2 else None
    digest = digests[0].partition(":")[2].lower() if digests else None
    return Deploy(site, rest[-1], digest)


async def run(deploy: Deploy, request: Request, releases: Releases) -> Started:
    site = known_site(deploy.site, releases.sites)
    started = await releases.deploy(site, deploy.artefact, deploy.digest, request.by, request.channel)
    return Started(started)


COMMAND = Command(
    name="deploy",
    usage="deploy [SITE] ARTEFACT [sha256:DIGEST]",
    summary="Put a web app's artefact on staging, migrate the shared database, and ask for approval to go live",
    example="deploy shop https://builds.example.com/shop-2.1.zip",
    needs=Role.RELEASER,
    group=Group.PUT_LIVE,
    parse=parse,
    run=run,
    about=(Kind.DEPLOY, Kind.DEPLOY_ASKING_FIRST),
    can_wait=True,
)
