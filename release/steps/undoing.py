"""What a release that is stopped did to staging, undone: the package, the database and the state of before."""

import logging
from pathlib import Path

from release.errors import ReleaseError
from release.ghost.build import Package, build
from release.ghost.node import major_of_stack
from release.journal import Words, telling
from release.model import BackupTaken, Release, StagingBefore, StagingLeft, State, Step, StepState, Verdict
from release.mysql.connection import connection_of, scratch_of
from release.mysql.scratch import drop_scratch
from release.preflight import NoNodeStack
from release.shape import Deployed
from release.silence import SILENT
from release.site import NothingThere, Site
from release.staging import (
    MARK,
    Mark,
    deploy,
    give_stack,
    leave_mark,
    put_database,
    read_mark,
    start_and_warm,
    stop_staging,
)
from release.steps.remembering import Remembering
from release.swap import Held
from release.unfinished import note_unfinished, unfinished_by
from release.version import Version

log = logging.getLogger(__name__)
STOPPED_FOR_IT = (Step.POINT, Step.REHEARSE_BACK, Step.START)
ENDS = {
    Verdict.CANCELLED: State.CANCELLED,
    Verdict.REJECTED: State.REJECTED,
    Verdict.EXPIRED: State.EXPIRED,
}


class NothingToPutBack(ReleaseError):
    problem = "{0}"
    remedy = "Put a version on staging again, as any release does."


class Undoing(Remembering):
    """The way out of a release before its swap."""

    async def remember_staging(self, release_id: str) -> None:
        """What staging is before the release changes it is known, its database kept."""
        release, site, _ = await self._of(release_id)
        await self._remember(release, site, with_database=True)

    async def undo(self, release_id: str) -> None:
        """Staging is as it was before the release, as far as it can be. What cannot be undone is told, not raised.

        What somebody swapped or deployed there by hand meanwhile is not the release's to undo: it stays as it is.
        """
        release, site, journal = await self._of(release_id)
        before = release.facts.staging_before
        if before is None or not (touched(release) or release.kind.rehearses):
            return
        try:
            async with journal.step(Step.UNDO) as words:
                if release.step(Step.PREVIEW).state is not StepState.PENDING:
                    await site.app.reset_preview()
                left = await self._left_alone(release, site, before)
                if left is None:
                    left = await self._undone(release, site, before, words)
                words.text = left.words
        except ReleaseError as error:
            left = StagingLeft(undone=False, running=False, version=None, words=str(error))
            log.warning("staging not undone", extra={"release": release_id, "problem": str(error)})
        await self._records.note(release_id, staging_left=left)

    async def end_of(self, release_id: str) -> State:
        """How a release ends whose question was answered with anything but yes."""
        approval = await self._records.approval_of(release_id)
        return ENDS.get(approval.verdict, State.CANCELLED) if approval else State.CANCELLED

    # -- what is not the release's any more -------------------------------------------------------

    async def _left_alone(self, release: Release, site: Site, before: StagingBefore) -> StagingLeft | None:
        """Why staging stays as somebody made it by hand; None where the release may undo what it did there.

        After a swap by hand it holds what production ran, with all that was written there up to then.
        """
        held, runs = await self._held(release, site)
        if held is Held.AFTER:
            why = f"somebody swapped by hand: production runs {runs}, and what ran there before is on {site.staging}"
        elif release.step(Step.DEPLOY).state is StepState.PENDING or await self._is_its_own(
            release, site, before
        ):
            return None
        else:
            why = f"{site.staging} does not hold what this release put there: somebody swapped or deployed by hand"
        slot = await site.app.slot(site.staging)
        words = f"nothing was changed there, as {why}; /ghost status {site.name} shows both slots"
        return StagingLeft(undone=False, running=slot.running, version=None, words=words)

    async def _is_its_own(self, release: Release, site: Site, before: StagingBefore) -> bool:
        """Whether staging is as the release made it, finished or not, or as it found it there."""
        by, mark = await unfinished_by(site), await read_mark(site, site.staging)
        if by is not None:
            return by == release.id or before.version is None
        if mark is not None and mark.release == release.id:
            return await site.shape.deployment.latest(site) == mark.deployment
        return await self._is_as_found(site, before, mark)

    async def _is_as_found(self, site: Site, before: StagingBefore, mark: Mark | None) -> bool:
        """Whether it was not deployed over yet, or an undoing that was cut off had come so far already."""
        try:
            version: str | None = await site.version(site.staging)
        except NothingThere:
            version = None
        return (mark.release if mark else None) == before.mark and version == before.version

    # -- the ways back ----------------------------------------------------------------------------

    async def _undone(self, release: Release, site: Site, before: StagingBefore, words: Words) -> StagingLeft:
        if release.kind.rehearses:
            return await self._rehearsal_over(release, site, before)
        if release.step(Step.DEPLOY).state is StepState.PENDING:
            await self._as_it_ran(site, before)
            told = f"{before.version} is on {site.staging} as before, {running(before)}"
            return StagingLeft(undone=True, running=before.running, version=before.version, words=told)
        stacks = release.facts.stacks
        if stacks is not None and stacks.differ:
            now = await site.shape.runtime.stack(site, site.staging, "*")
            if now == stacks.needed:
                await give_stack(site, stacks.staging)
        if before.version is None:
            await self._close(release, site)
            what = site.shape.product.strip() or "app"
            told = f"it held no {what} before; it is stopped, and what is there cannot be swapped in"
            return StagingLeft(undone=True, running=False, version=None, words=told)
        try:
            return await self._put_back(release, site, before, words)
        except ReleaseError as error:
            await words.say(f"{error} So staging is stopped")
            await self._close(release, site)
            told = f"stopped, and closed to swaps until something is deployed there: {error}"
            return StagingLeft(undone=False, running=False, version=None, words=told)

    async def _rehearsal_over(self, release: Release, site: Site, before: StagingBefore) -> StagingLeft:
        """The scratch database is dropped, and nothing runs on it; an old version that is a way back stays there."""
        deployed = release.step(Step.DEPLOY).state is not StepState.PENDING
        stops = any(release.step(step).state is not StepState.PENDING for step in STOPPED_FOR_IT)
        if deployed:
            await self._close(release, site)
        elif stops:
            await stop_staging(site)
        scratch = scratch_of(site, await connection_of(site))
        await drop_scratch(scratch)
        told = f"{scratch.database} is dropped"
        if deployed:
            told += f", and {site.staging} is stopped and closed to swaps until something is deployed there"
        elif stops:
            told += (
                f", and {site.staging} is stopped, with {before.version or 'what was there'} on it as before"
            )
        return StagingLeft(
            undone=True,
            running=before.running and not (deployed or stops),
            version=None if deployed else before.version,
            words=told,
        )

    async def _put_back(
        self, release: Release, site: Site, before: StagingBefore, words: Words
    ) -> StagingLeft:
        """The package of the version that was there, with the database and the mark it had."""
        if not site.shape.own_database:
            return await self._put_artefact_back(release, site, before, words)
        if before.database is None:
            raise NothingToPutBack(f"No copy of the database that Ghost {before.version} had there is kept.")
        if not await self._is_back(release, site, before):
            await self._deploy_again(release, site, before, before.database, words)
        if before.running:
            await start_and_warm(site, site.staging)
        told = f"Ghost {before.version} is back on {site.staging} with the database it had, {running(before)}"
        if before.mark is None:
            told += "; it was put there by other means, and is now Ghost as npm has it"
        return StagingLeft(undone=True, running=before.running, version=before.version, words=told)

    async def _put_artefact_back(
        self, release: Release, site: Site, before: StagingBefore, words: Words
    ) -> StagingLeft:
        """What was deployed there before, with the mark it had; the database is not staging's own."""
        package = await self._shelf.find(before.package)
        if before.mark is None or package is None:
            raise NothingToPutBack(f"{before.version}, which was there before, is not kept by the bot.")
        if not await self._is_back(release, site, before):
            await note_unfinished(site, release.id)
            version = str(before.version)
            deployment = await deploy(site, Deployed(version, package), words.say)
            await leave_mark(site, Mark(before.mark, version, before.package, "", deployment))
        if before.running:
            await start_and_warm(site, site.staging)
        told = f"{before.version} is back on {site.staging}, {running(before)}"
        return StagingLeft(undone=True, running=before.running, version=before.version, words=told)

    async def _is_back(self, release: Release, site: Site, before: StagingBefore) -> bool:
        """Whether an undoing that was cut off had come so far already."""
        mark = await read_mark(site, site.staging)
        if await unfinished_by(site) is not None or (mark is not None and mark.release == release.id):
            return False
        return await self._is_as_found(site, before, mark)

    async def _deploy_again(
        self, release: Release, site: Site, before: StagingBefore, database: BackupTaken, words: Words
    ) -> None:
        kept = await self._store.read(database)
        package = await self._package(site, str(before.version), words)
        await note_unfinished(site, release.id)
        deployment = await deploy(site, Deployed(package.version, Path(package.path)), words.say)
        await put_database(site, kept)
        await self._silence_as_before(site, before)
        if before.mark is None:
            await (await site.kudu(site.staging)).delete(site.note(MARK))
        else:
            mark = Mark(before.mark, package.version, package.digest, database.digest, deployment)
            await leave_mark(site, mark)

    async def _silence_as_before(self, site: Site, before: StagingBefore) -> None:
        """What that database must not publish again belongs to it."""
        kudu = await site.kudu(site.staging)
        if before.silent:
            await kudu.write(site.note(SILENT), before.silent.encode())
        else:
            await kudu.delete(site.note(SILENT))

    async def _package(self, site: Site, version: str, words: Words) -> Package:
        stack = await site.shape.runtime.stack(site, site.staging, await self._wanted(site, version))
        major = major_of_stack(stack)
        if major is None:
            raise NoNodeStack(site.app.called(site.staging), stack or "not set")
        await words.say(f"Ghost {version} for staging, from the cache or built again")
        return await build(Version.parse(version), major, self._npm, telling(words), site.shape.recipe)

    async def _wanted(self, site: Site, version: str) -> str:
        """The range of Nodes that a version asks for; any, where npm is away: the package may be in the cache."""
        try:
            return (await self._published(site).find(Version.parse(version))).node
        except ReleaseError:
            return "*"

    async def _as_it_ran(self, site: Site, before: StagingBefore) -> None:
        if not before.running:
            await stop_staging(site)
        elif not (await site.app.slot(site.staging)).running:
            await site.app.start(site.staging)

    async def _close(self, release: Release, site: Site) -> None:
        """Staging is stopped and may not be swapped until something is deployed there."""
        await stop_staging(site)
        await note_unfinished(site, release.id, await site.shape.deployment.latest(site))


def touched(release: Release) -> bool:
    """Whether the release has begun to change staging."""
    return any(release.step(step).state is not StepState.PENDING for step in (Step.DEPLOY, Step.START))


def running(before: StagingBefore) -> str:
    return "running" if before.running else "stopped"
