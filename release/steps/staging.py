"""A tested candidate on staging: the steps until the question is asked."""

import logging
from pathlib import Path

from release.content import bring_content, sync_content, take_stock
from release.errors import Cancelled, ReleaseError
from release.ghost.build import Package
from release.ghost.node import major_of_stack
from release.ghost.path import path_in_words
from release.journal import telling
from release.model import (
    NOTHING_SYNCED,
    BackupTaken,
    Candidate,
    ContentLacking,
    ContentSynced,
    Kind,
    MigrationDone,
    Release,
    Step,
)
from release.preflight import Cleared, NothingToSwap, preflight_swap, preflight_upgrade
from release.room import in_words, room_on_plan
from release.shape import Deployed
from release.side_by_side import beside
from release.silence import carry_silence
from release.site import Site
from release.slot_database import database_read_by
from release.smoke import smoke_test
from release.staging import deploy, give_stack, leave_mark, mute, put_database, start_and_warm
from release.steps.common import (
    expected_of,
    kept_of,
    mark_of,
    megabytes,
    shipped_content,
    shipped_themes,
    synced_in_words,
)
from release.steps.merging import Merging
from release.steps.remembering import Remembering
from release.unfinished import note_unfinished, refuse_unfinished
from release.version import Version
from release.warm_up import warm_up_findings

log = logging.getLogger(__name__)

# Less than this is on staging before both slots could be compared once more.
MANY_FILES, MANY_BYTES = 500, 20_000_000
INSTEAD_OF_A_SWAP = (
    "Put what fits on staging: /ghost upgrade for a newer version, /ghost restore for a backup."
)


class Staging(Remembering, Merging):
    """From the first look at a site to a candidate that people may decide about."""

    async def preflight(self, release_id: str) -> Cleared:
        """Everything a release needs is there, or one error names all that is not."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            if release.kind is Kind.UPGRADE:
                version = Version.parse(release.version or "")
                target = await self._published(site).find(version)
                published = await self._ghosts.all()
                cleared = await preflight_upgrade(site, target, published)
                words.text = f"{way_in_words(cleared)}, all is ready"
                await self._note_way(release, cleared)
            else:
                cleared = await preflight_swap(site)
                if cleared.current == cleared.target:
                    raise NothingToSwap(site.name, cleared.current)
                await refuse_unfinished(site)
                if site.shape.own_database:
                    await database_read_by(site, cleared.target, self._work(release_id), INSTEAD_OF_A_SWAP)
                await self._remember(release, site, with_database=False)
                words.text = f"production {cleared.current}, staging {cleared.target}"
            await self._records.set_versions(release_id, cleared.current, cleared.target)
            await self._records.note(release_id, warnings=cleared.warnings, warm_up=cleared.warm_up)
        return cleared

    async def back_up(self, release_id: str) -> BackupTaken:
        """A checked copy of production's database is in the backup folder, and in the records."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.BACK_UP) as words:
            await words.say(site.shape.copies.told(site))
            backup = await self._take_backup(release_id, site)
            words.text = (
                f"{megabytes(backup.size)}, Ghost {backup.version}, {backup.rows.get('posts', 0)} posts, "
                f"{backup.rows.get('members', 0)} members, integrity ok, {backup.id}"
            )
        return backup

    async def build(self, release_id: str, cleared: Cleared) -> Package:
        """The package of the asked version, from the cache or built here, off the server."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.BUILD) as words:
            package = await self._packages.build(
                Version.parse(cleared.target), cleared.node_major, telling(words), site.shape.recipe
            )
            await self._records.note(release_id, package=kept_of(package))
            stops = await self._stops(cleared.stops, telling(words))
            seconds = package.seconds + sum(stop.seconds for stop in stops)
            how = f"built in {seconds:.0f} s" if seconds else "from the cache"
            words.text = f"Ghost {package.version} for Node {package.node}, {megabytes(package.size)}, {how}"
            if stops:
                words.text += f", with the migrations of {' and '.join(stop.version for stop in stops)}"
        return package

    async def read_notes(self, release_id: str, cleared: Cleared) -> None:
        """What the makers say of the version is known, as far as it can be had within a few seconds."""
        if self._notes is None:
            return
        await self._notes.learn(cleared.target, cleared.passes)
        new = await self._notes.known(cleared.target, cleared.passes)
        if new is not None:
            await self._records.note(release_id, new=new)

    async def take_stock(self, release_id: str) -> None:
        """How many files staging lacks, and whether they fit: a surprise is seen before anything moves."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.TAKE_STOCK) as words:
            stock = await take_stock(site, ())
            words.text = (
                f"{stock.looked_at} files in production, {len(stock.copy)} to copy "
                f"({megabytes(stock.copy_bytes)}), {len(stock.remove)} to remove"
            )
            lacking = ContentLacking(len(stock.copy), stock.copy_bytes)
            await self._records.note(release_id, lacking=lacking)
            if storage := await room_on_plan(site, stock):
                words.text += f"; {in_words(storage)}"

    async def migrate(self, release_id: str, backup: BackupTaken, package: Package) -> MigrationDone:
        """A copy of the backup, migrated by the new version and inspected, is in the work folder."""
        _, _, journal = await self._of(release_id)
        async with journal.step(Step.MIGRATE) as words:
            async with self._turns.turn(words):
                done, _ = await self._migrate(release_id, backup, package, telling(words))
            way = path_in_words((done.from_version, *done.stops, done.to_version))
            words.text = f"{way} in {done.seconds:.1f} s, {len(done.rows)} tables, no row lost"
        return done

    async def deploy(self, release_id: str, package: Package) -> str:
        """The package is on staging, which is muted, stopped, and has its Node; returns the deployment's id."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.DEPLOY) as words:
            # What somebody swapped out by hand meanwhile is on staging now, and nobody asked to overwrite that.
            await self._still_before(release, site)
            # Whoever is routed to staging would meet a stopped slot.
            cleared = await self._clear_routing(release_id, site)
            given = await self._give_stack(release, site)
            muted = await mute(site)
            # As late as can be: another release of the same version may have found it wanting, and made it anew.
            package = await self._here(release_id, package)
            await words.say(f"uploading {megabytes(package.size)}")
            # Until it has its database, too, what is there may not be swapped by anybody.
            await note_unfinished(site, release_id)
            async with beside(self._bring_content(release, site, package)) as bringing:
                deployment = await deploy(site, Deployed(package.version, Path(package.path)), words.say)
                await note_unfinished(site, release_id, deployment)
                if not bringing.done():
                    await words.say(
                        f"{megabytes(package.size)} on {site.staging}, still copying content to it"
                    )
                brought = await bringing
            await self._records.note(release_id, brought=brought)
            words.text = f"{megabytes(package.size)} on {site.staging}"
            words.text += given
            if muted:
                words.text += ", which now sends no mail and publishes nothing"
            came = f"{brought.copied} files of the content came meanwhile" if brought.copied else ""
            words.text = "; ".join(part for part in (words.text, came, cleared) if part)
        return deployment

    async def _bring_content(self, release: Release, site: Site, package: Package) -> ContentSynced:
        """Where staging lacks much it comes while the server unpacks; what fails is left to the next step."""
        lacking = release.facts.lacking
        if lacking is not None and lacking.files < MANY_FILES and lacking.size < MANY_BYTES:
            return NOTHING_SYNCED
        try:
            return await bring_content(
                site, await shipped_themes(package.folder), await shipped_content(package.folder)
            )
        except ReleaseError as error:
            log.warning(
                "content could not be copied beside the deployment",
                extra={"site": site.name, "problem": str(error)},
            )
            return NOTHING_SYNCED

    async def _give_stack(self, release: Release, site: Site) -> str:
        """Staging has the stack that the release needs; says so where it had another one."""
        stacks = release.facts.stacks
        if stacks is None or not stacks.differ:
            return ""
        if await site.app.stack(site.staging) != stacks.needed:
            # What is there does not run on it: whatever comes now, nobody swaps it in any more.
            await note_unfinished(site, release.id)
            await give_stack(site, stacks.needed)
        return f", whose stack is {stacks.needed} now (it was {stacks.staging})"

    async def sync_content(self, release_id: str, package: Package) -> None:
        """Staging has production's images, media, files, themes and settings, with what came beside the package."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.SYNC_CONTENT) as words:
            package = await self._here(release_id, package)
            synced = await sync_content(site, await shipped_themes(package.folder))
            synced = synced.after(release.facts.brought)
            await self._records.note(release_id, content=synced)
            words.text = synced_in_words(synced)

    async def put_database(
        self,
        release_id: str,
        backup: BackupTaken,
        package: Package,
        migration: MigrationDone,
        deployment: str,
    ) -> Candidate:
        """The migrated copy is staging's database, and a mark on the slot says what it holds."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PUT_DATABASE) as words:
            migration = await self._still_made_from(release, backup, package, migration)
            await self._still_before(release, site)
            await put_database(site, Path(migration.path))
            await carry_silence(site)
            deployed = release.facts.package or package
            candidate = Candidate(
                version=package.version,
                package_digest=deployed.digest,
                database_digest=migration.digest,
                source_version=backup.version,
                staging_url=await site.url(site.staging),
                deployment=deployment,
            )
            await leave_mark(site, mark_of(release_id, candidate))
            await self._records.note(release_id, candidate=candidate, caught_up_at=backup.taken_at)
            merged = migration.from_version == migration.to_version
            words.text = f"{backup.id}, {'with the late writes' if merged else 'migrated'}"
        return candidate

    async def start(self, release_id: str) -> None:
        """Staging runs and answers its front page with 200."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.START) as words:
            await start_and_warm(site, site.staging)
            words.text = "ready"

    async def smoke_test(self, release_id: str, cleared: Cleared, rows: dict[str, tuple[int, int]]) -> None:
        """Staging is the version it should be and answers as production does."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.SMOKE_TEST) as words:
            pages = await smoke_test(site, site.staging, expected_of(cleared.target, rows))
            # Now staging holds what will be warmed up.
            seen = await self._compare_pages(release_id, site)
            await self._records.note(
                release_id, pages=pages, looks=seen, warm_up=await warm_up_findings(site)
            )
            slowest = max((page.milliseconds for page in pages), default=0)
            words.text = f"{len(pages)} pages well, slowest {slowest} ms"

    async def ask(self, release_id: str) -> None:
        """The question is asked, and staging ends here: nobody waits inside a workflow. Raises Cancelled."""
        release, site, _ = await self._of(release_id)
        if release.cancel_asked_by is not None:
            raise Cancelled(release_id, release.cancel_asked_by)
        needed = 1 if release.kind.goes_back else site.config.approvals
        await self._records.ask(release_id, site.config.approval_lasts, needed)


def way_in_words(cleared: Cleared) -> str:
    """ "4.1.2 → 4.48.9 → 5.130.6 → 6.65.0, Node 14 → 22"."""
    versions = path_in_words((cleared.current, *(stop.version for stop in cleared.stops), cleared.target))
    before = major_of_stack(cleared.stacks.production) if cleared.stacks else None
    changes = before not in (None, cleared.node_major)
    return f"{versions}, Node {f'{before} → ' if changes else ''}{cleared.node_major}"
