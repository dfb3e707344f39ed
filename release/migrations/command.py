"""A site's migration commands, run with the connection string handed over as the tool wants it."""

import asyncio
import os
import re
import shutil
import stat
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.ghost.archive import unpack_zip
from release.migrations.config import CONNECTION_STRING, COUNT, FILE, HandOver, MigrationConfig
from release.migrations.connection import Connection
from release.migrations.hiding import Hiding
from release.migrations.lock import SESSION
from release.migrations.runner import Run, run

MOST_PENDING = 200
# What a program needs to be found and to speak; nothing else of the bot's own environment, which holds its secrets.
_FROM_OURS = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
# PostgreSQL's drivers name their sessions so, and who holds the lock finds what a stopped command left behind. One that
# only lists holds no lock and goes unnamed.
_NAMED = {"PGAPPNAME": SESSION}
_UNNAMED: Mapping[str, str] = {}

Told = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Bench:
    """Where a release's commands run: `work` is the release's own folder, `bundle` the zip with its migrations.

    `log` gets their output, and is `called` so for people.
    """

    config: MigrationConfig
    target: Connection
    work: Path
    bundle: Path
    log: Path
    called: str

    async def migrate(self, told: Told) -> None:
        """The database has the new schema. Raises MigrationCommandFailed or MigrationTooSlow."""
        await self._run("The migration", self.config.command, told, _NAMED)

    async def migrate_down(self, count: int | None, told: Told) -> None:
        """What the release applied is undone, as far as the configured command does that."""
        words = tuple(word.replace(COUNT, str(1 if count is None else count)) for word in self.config.down)
        await self._run("The down migration", words, told, _NAMED)

    async def pending(self, told: Told) -> tuple[str, ...] | None:
        """The migrations that wait, by the tool's own words; None where it has no command for that."""
        if not self.config.pending:
            return None
        said = await self._run("Listing what is pending", self.config.pending, told)
        pattern = re.compile(self.config.pending_pattern)
        found = []
        for line in said:
            if match := pattern.search(line):
                found.append((match.group(1) if pattern.groups else line).strip()[:200])
        return tuple(found[:MOST_PENDING])

    async def _run(
        self, title: str, words: tuple[str, ...], told: Told, more: Mapping[str, str] = _UNNAMED
    ) -> tuple[str, ...]:
        place = self.work / "migration"
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        folder = place / "bundle"
        for one in (folder, place / "home", place / "tmp"):
            one.mkdir(parents=True, mode=0o700)
        try:
            await unpack_zip(self.bundle, folder)
            await asyncio.to_thread(_may_run, folder)
            with self._handed_over(place) as (file, variables, given):
                command = Run(
                    title=title,
                    words=self._words(words, folder, file),
                    folder=folder,
                    environment={**more, **self._environment(place), **variables},
                    seconds=self.config.seconds,
                    log=self.log,
                    called=self.called,
                    hiding=Hiding((*self.target.secrets, self._string)),
                    given=given,
                )
                return await run(command, told)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, place, ignore_errors=True))

    @property
    def _string(self) -> str:
        return self.target.as_format(self.config.format, self.config.connection_string)

    @contextmanager
    def _handed_over(self, place: Path) -> Iterator[tuple[str, dict[str, str], str | None]]:
        """The file, the variables and the standard input that the command gets; the file is gone afterwards."""
        how, name = self.config.hand_over, self.config.variable
        if how is HandOver.ENVIRONMENT:
            yield "", {name: self._string}, None
        elif how is HandOver.INPUT:
            yield "", {}, f"{self._string}\n"
        elif how is HandOver.FILE:
            file = place / "connection-string"
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
                written.write(self._string)
            try:
                yield str(file), {name: str(file)}, None
            finally:
                file.unlink(missing_ok=True)
        else:
            yield "", {}, None

    def _words(self, words: tuple[str, ...], folder: Path, file: str) -> tuple[str, ...]:
        """The command with its places filled in; a program of the bundle is meant before one of the machine's."""
        program = folder / words[0]
        if program.resolve().is_relative_to(folder.resolve()) and program.is_file():
            words = (str(program), *words[1:])
        filled = (word.replace(FILE, file) for word in words)
        return tuple(word.replace(CONNECTION_STRING, self._string) for word in filled)

    def _environment(self, place: Path) -> dict[str, str]:
        ours = {name: os.environ[name] for name in _FROM_OURS if name in os.environ}
        return {**ours, "HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), **self.config.environment}


def _may_run(folder: Path) -> None:
    """Every file of a bundle may be run by its owner: a zip made on Windows does not tell which are programs."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IXUSR)
