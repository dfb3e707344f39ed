"""A form of Ghost that somebody keeps in a git repository: its releases are tags.

git runs without a shell, for a bounded time, with no configuration but ours, asks nobody for a password, and speaks
only the protocol of the configured address. Tags are chosen by others: one counts only if it is the configured
pattern with a version in it, and it never stands where an option could.
"""

import asyncio
import hashlib
import json
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from release.errors import ReleaseError
from release.ghost.archive import unpack_npm_tarball
from release.ghost.cache import Mark
from release.ghost.errors import CommandFailed, CommandTooSlow, UnknownVersion
from release.ghost.npm import SYSTEM_PATH, Npm
from release.ghost.process import Command, ask
from release.ghost.releases import KEPT_SECONDS, GhostRelease, near
from release.ghost.sources import Published
from release.version import NotAVersion, Version

LIST_SECONDS = 60
FETCH_SECONDS = 600
PROTOCOLS = {"https": "https", "ssh": "ssh", "file": "file"}


class GitMissing(ReleaseError):
    problem = "There is no program git on the bot's machine, and {0} is fetched with it."
    remedy = "Install git there, then start again."


class RepositoryUnreachable(ReleaseError):
    problem = "The repository {0} cannot be read: {1}"
    remedy = (
        "Production is untouched. Check repository in the site's source table, and that the bot's machine may read it "
        "without a password: git asks nobody."
    )


class FromGit:
    """A repository whose tags are like `tags`, with * for the version. `entry` and `migrate` are as for any source.

    `programs` is the PATH on which git is looked for.
    """

    def __init__(
        self,
        repository: str,
        tags: str,
        entry: str,
        migrate: tuple[str, ...],
        programs: str = SYSTEM_PATH,
    ) -> None:
        self._programs = programs
        self.entry = entry
        self.migrate = migrate
        self.repository = repository
        before, _, after = tags.partition("*")
        self._tag = re.compile(rf"{re.escape(before)}(\d+\.\d+\.\d+){re.escape(after)}", re.ASCII)
        told = json.dumps([repository, tags, entry, migrate])
        self.name = f"git-{hashlib.sha256(told.encode()).hexdigest()[:10]}"
        self._asked_at = 0.0
        self._known: dict[Version, str] = {}

    def published(self, npm: Npm, upstream: Published) -> Published:
        del upstream
        return Tagged(self, npm)

    async def fetch(self, version: Version, npm: Npm, upstream: Published, folder: Path) -> None:
        del upstream
        files = await self.files(version, npm)
        await asyncio.to_thread(shutil.copytree, files, folder, dirs_exist_ok=True)

    async def tags(self, npm: Npm, *, anew: bool = False) -> dict[Version, str]:
        """The tag of each version; remembered for five minutes."""
        if anew or not self._known or time.monotonic() - self._asked_at > KEPT_SECONDS:
            answer = await self._git(
                npm, ["ls-remote", "--tags", "--refs", "--", self.repository], LIST_SECONDS
            )
            self._known = self._versions(answer.decode(errors="replace"))
            self._asked_at = time.monotonic()
        return self._known

    def _versions(self, listing: str) -> dict[Version, str]:
        found: dict[Version, str] = {}
        for line in listing.splitlines():
            tag = line.partition("\trefs/tags/")[2]
            match = self._tag.fullmatch(tag)
            try:
                if match:
                    found[Version.parse(match[1])] = tag
            except NotAVersion:
                continue
        return found

    async def files(self, version: Version, npm: Npm) -> Path:
        """The files of this version, as they are in the repository; fetched once. Raises UnknownVersion."""

        async def fill(folder: Path) -> Mark:
            tag = (await self.tags(npm)).get(version) or (await self.tags(npm, anew=True)).get(version)
            if tag is None:
                known = tuple(GhostRelease(one, "*") for one in sorted(self._known))
                raise UnknownVersion(str(version), ", ".join(map(str, near(version, known))))
            async with npm.cache.workplace(f"{self.name}-{version}") as work:
                await self._fetch(tag, npm, work)
                await unpack_npm_tarball(work / "source.tar.gz", folder)
            return {"tag": tag}

        return (await npm.cache.folder_of("sources", f"{self.name}-{version}", fill)).path

    async def _fetch(self, tag: str, npm: Npm, work: Path) -> None:
        """This one commit, and its files as an archive."""
        place = ["-C", str(work)]
        await self._git(npm, ["init", "--quiet", str(work)], LIST_SECONDS)
        await self._git(
            npm,
            [*place, "fetch", "--quiet", "--depth=1", "--no-tags", "--", self.repository, f"refs/tags/{tag}"],
            FETCH_SECONDS,
        )
        archive = ["archive", "--format=tar.gz", "--prefix=package/", "--output", str(work / "source.tar.gz")]
        await self._git(npm, [*place, *archive, "FETCH_HEAD"], FETCH_SECONDS)

    async def _git(self, npm: Npm, words: Sequence[str], seconds: float) -> bytes:
        program = await asyncio.to_thread(shutil.which, "git", path=self._programs)
        if program is None:
            raise GitMissing(self.repository)
        environment = npm.surroundings() | {
            "GIT_ALLOW_PROTOCOL": protocol_of(self.repository),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        }
        if npm.registry.https_proxy:
            environment["https_proxy"] = npm.registry.https_proxy
        command = Command(
            "git", [program, *words], npm.cache.place("home"), environment, npm.cache.log("git"), seconds
        )
        try:
            answer = await ask(command)
        except CommandTooSlow as error:
            raise RepositoryUnreachable(
                self.repository, f"git took more than {seconds:.0f} seconds"
            ) from error
        except CommandFailed as error:
            said = " ".join(error.detail.split())[-300:]
            raise RepositoryUnreachable(self.repository, said or "git failed without a word") from error
        command.log.unlink(missing_ok=True)
        return answer


class Tagged:
    """The releases of a repository."""

    def __init__(self, source: FromGit, npm: Npm) -> None:
        self._source = source
        self._npm = npm

    async def all(self) -> tuple[GhostRelease, ...]:
        """Oldest first. Which Nodes they want is in their files, which nobody fetched yet."""
        return tuple(GhostRelease(version, "*") for version in sorted(await self._source.tags(self._npm)))

    async def newest(self) -> GhostRelease:
        """The highest version that is tagged."""
        known = await self._source.tags(self._npm)
        if not known:
            raise UnknownVersion("at all", "none")
        return await self.find(max(known))

    async def find(self, version: Version) -> GhostRelease:
        """This version, and the Nodes that its package.json wants."""
        files = await self._source.files(version, self._npm)
        return GhostRelease(version, await asyncio.to_thread(_wanted_node, files))


def protocol_of(repository: str) -> str:
    """https, ssh or file: the one that git may speak for this address."""
    scheme, found, _ = repository.partition("://")
    return PROTOCOLS.get(scheme, "https") if found else "ssh"


def _wanted_node(files: Path) -> str:
    try:
        return str(json.loads((files / "package.json").read_text())["engines"]["node"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "*"
