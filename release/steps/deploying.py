"""An artefact on staging: fetched, checked, deployed, tested. Its migration is in `migrating`."""

from pathlib import Path

from release.artefacts.errors import ArtefactGone, NoBundle, NoSuchSource
from release.artefacts.reference import Reference, reference
from release.artefacts.source import Source, expect
from release.artefacts.split import Packed, pack_again, split
from release.errors import ReleaseError
from release.migrations.config import MigrationConfig
from release.migrations.target import another_in_production, target_of
from release.model import Artefact, Candidate, Release, Step
from release.preflight import preflight_deploy
from release.shape import Deployed, Expected
from release.site import PRODUCTION, Site
from release.smoke import SmokeTestFailed, smoke_test
from release.staging import NotTheCandidate, deploy, read_mark, start_and_warm
from release.steps.common import PAST, megabytes
from release.steps.remembering import Remembering
from release.swap import is_past_the_swap
from release.unfinished import note_unfinished, unfinished_by
from release.warm_up import warm_up_findings

SHORT = 8
"""Characters of a digest that people are shown: enough to tell two builds apart."""
SHOWN_TO_ALL = (
    "the connection string is an argument of the migration's command, so the list of processes on the bot's machine "
    "shows it: hand it over by environment, input or file instead"
)


class NothingAsked(ReleaseError):
    problem = "{0} does not know any more which artefact it is about."
    remedy = "Start it again."


class Deploying(Remembering):
    """From the name of an artefact to files on a stopped staging slot, and a test of what it became."""

    async def preflight(self, release_id: str) -> None:
        """The site is ready, its database can be found, and how production does before anything is known."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            self._asked(release, site)
            cleared = await preflight_deploy(site)
            warnings = list(cleared.warnings)
            migration = site.config.migration
            if migration is not None:
                warnings += await self._about_the_database(site, migration)
            sick = await self._sick_already(site, cleared.current)
            warnings += [sick] if sick else []
            await self._records.set_versions(release_id, cleared.current, None)
            await self._records.note(release_id, warnings=tuple(warnings), warm_up=cleared.warm_up)
            words.text = f"production {cleared.current}, all is ready"

    async def _about_the_database(self, site: Site, migration: MigrationConfig) -> list[str]:
        """Raises where the connection string cannot be found; what people should know of it is returned."""
        target = await target_of(site, migration, site.staging)
        target.as_format(migration.format, migration.connection_string)
        another = await another_in_production(site, migration)
        return [*([another] if another else []), *([SHOWN_TO_ALL] if migration.shows_secret else [])]

    async def _sick_already(self, site: Site, current: str) -> str | None:
        try:
            await smoke_test(site, PRODUCTION, Expected(current))
        except SmokeTestFailed as error:
            return f"production is not well before anything was done: {error.args[1]}"
        return None

    def _asked(self, release: Release, site: Site) -> tuple[Source, Reference]:
        """Where the release's artefact comes from. Raises NoSuchSource."""
        asked, source = release.facts.artefact_asked, self._sources.get(site.name)
        if asked is None:
            raise NothingAsked(release.id)
        if source is None:
            raise NoSuchSource(site.name, "it has no place for them")
        return source, source.find(reference(asked.where))

    async def fetch(self, release_id: str) -> None:
        """The artefact is here, is what it should be, and is taken apart: the site's files, and its migrations."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.FETCH) as words:
            await words.say("fetching and checking it")
            artefact = await self._fetched(release, site)
            known = release.facts.artefact
            if known is not None and known.digest != artefact.digest:
                raise ArtefactGone(release_id, known.name)
            await self._records.note(release_id, artefact=artefact)
            await self._records.set_versions(release_id, None, version_of(artefact))
            migrations = ", with its migrations" if artefact.bundle else ""
            words.text = (
                f"{artefact.name}, {megabytes(artefact.size)}, {artefact.files} files{migrations}, "
                f"sha256 {artefact.fetched[:12]}..."
            )

    async def _fetched(self, release: Release, site: Site) -> Artefact:
        source, place = self._asked(release, site)
        asked = release.facts.artefact_asked
        work, migration = self._work(release.id), site.config.migration
        archive = work / "artefact.zip"
        fetched = await source.fetch(place, archive)
        expect(place, fetched, asked.digest if asked else None)
        expect(place, fetched, await source.digest_beside(place, work / "artefact.sha256"))
        beside = migration.bundle_beside if migration else ""
        inside = migration.bundle if migration and not beside else ""
        packed, bundle = await split(archive, place.name, inside, work / "site.zip", work / "bundle.zip")
        archive.unlink()
        if beside:
            bundle = await self._bundle_beside(source, place, beside, work)
        for one in (packed, bundle):
            if one is not None:
                await self._shelf.put(one.path, one.digest)
        return Artefact(
            name=place.name,
            fetched=fetched,
            digest=packed.digest,
            size=packed.size,
            files=packed.files,
            bundle=bundle.digest if bundle else "",
        )

    async def _bundle_beside(self, source: Source, place: Reference, beside: str, work: Path) -> Packed:
        other = place.beside(beside.replace("{name}", place.name))
        archive = work / "migrations.zip"
        expect(
            other,
            await source.fetch(other, archive),
            await source.digest_beside(other, work / "migrations.sha256"),
        )
        return await pack_again(archive, other.name, work / "bundle.zip")

    async def _kept(self, release: Release, site: Site, digest: str) -> Path:
        """One of the two zips; fetched once more where this machine has it no longer. Raises ArtefactGone."""
        path = await self._shelf.find(digest)
        if path is None:
            await self._fetched(release, site)
            path = await self._shelf.find(digest)
        if path is None:
            raise ArtefactGone(release.id, release.facts.artefact.name if release.facts.artefact else "it")
        return path

    async def _artefact(self, release_id: str) -> tuple[Release, Artefact]:
        release = await self._records.release(release_id)
        if release.facts.artefact is None:
            raise NothingAsked(release_id)
        return release, release.facts.artefact

    async def _bundle(self, release: Release, site: Site) -> Path:
        artefact = release.facts.artefact
        if artefact is None or not artefact.bundle:
            raise NoBundle(artefact.name if artefact else release.id, "what was fetched")
        return await self._kept(release, site, artefact.bundle)

    async def deploy(self, release_id: str) -> None:
        """The artefact's files are on staging, which is stopped, and nobody may swap them in until it is migrated."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.DEPLOY) as words:
            release, artefact = await self._artefact(release_id)
            package = await self._kept(release, site, artefact.digest)
            await self._still_before(release, site)
            await self._remember(release, site, with_database=False)
            # Whoever is routed to staging would meet a stopped slot.
            cleared = await self._clear_routing(release_id, site)
            await words.say(f"uploading {megabytes(artefact.size)}")
            await note_unfinished(site, release_id)
            deployment = await deploy(site, Deployed(version_of(artefact), package), words.say)
            await note_unfinished(site, release_id, deployment)
            candidate = Candidate(
                version=version_of(artefact),
                package_digest=artefact.digest,
                database_digest="",
                source_version=release.from_version or "",
                staging_url=await site.url(site.staging),
                deployment=deployment,
            )
            await self._records.note(release_id, candidate=candidate)
            words.text = f"{megabytes(artefact.size)} on {site.staging}, which is stopped"
            words.text = "; ".join(part for part in (words.text, cleared) if part)

    async def recheck_deployed(self, release_id: str) -> None:
        """As `recheck`, before the migration: staging holds the files that people were told of."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            if await self._is_marked(release, site):
                words.text = "it was migrated already"
                return
            await self._still_before(release, site)
            candidate, called = release.facts.candidate, site.app.called(site.staging)
            if candidate is None or await unfinished_by(site) != release.id:
                raise NotTheCandidate(called, "the bot's note is missing")
            if await site.shape.deployment.latest(site) != candidate.deployment:
                raise NotTheCandidate(called, "there was another deployment since")
            cleared = await self._clear_routing(release_id, site)
            words.text = f"still {release.version} on {site.staging}, {release.from_version} in production"
            words.text = "; ".join(part for part in (words.text, cleared) if part)

    async def note_production(self, release_id: str) -> None:
        """Which mark production bears is known: where versions are the same it alone tells two sides apart."""
        release, site, _ = await self._of(release_id)
        if release.facts.production_mark is None and not await is_past_the_swap(site, release):
            mark = await read_mark(site, PRODUCTION)
            await self._records.note(release_id, production_mark=mark.release if mark else "")

    async def _is_marked(self, release: Release, site: Site) -> bool:
        mark = await read_mark(site, site.staging)
        return mark is not None and mark.release == release.id

    async def start(self, release_id: str) -> None:
        """Staging runs and answers its front page; swapped already, it holds the old version, and stays as it is."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.START) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            await start_and_warm(site, site.staging)
            words.text = "ready"

    async def smoke_test(self, release_id: str) -> None:
        """Staging is the artefact that was deployed, and answers as it should."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.SMOKE_TEST) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            pages = await smoke_test(site, site.staging, Expected(release.version or ""))
            # Now staging holds what will be warmed up.
            seen = await self._compare_pages(release_id, site)
            await self._records.note(
                release_id, pages=pages, looks=seen, warm_up=await warm_up_findings(site)
            )
            slowest = max((page.milliseconds for page in pages), default=0)
            words.text = f"{len(pages)} pages well, slowest {slowest} ms"


def version_of(artefact: Artefact) -> str:
    """What people read: the artefact's name, and enough of its digest to tell two builds of one name apart."""
    return f"{artefact.name}@{artefact.digest[:SHORT]}"
