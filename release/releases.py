"""What people can ask for: the one place where commands and buttons start, decide and look at releases."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from release.artefacts.reference import reference
from release.backups import BackupOfAnother, UnknownBackup
from release.carry import NothingToCarry, to_carry
from release.difference import SlotsCompared, compare_slots
from release.errors import (
    BeingWatched,
    NoOldSlot,
    NotForThisSite,
    NothingScheduled,
    NothingToCancel,
    NothingToRollBack,
    NotSkipped,
    NotWatched,
    ReleaseError,
    SiteNeeded,
    TooLateToCancel,
    UnknownSite,
)
from release.freezes import (
    OPEN_ALWAYS,
    FreezeWindow,
    FrozenBySettings,
    FrozenWithAll,
    NotFrozen,
    SiteFrozen,
    longest,
)
from release.ghost.path import TooOld, stops_between
from release.ghost.releases import GhostRelease
from release.ghost.releases import Releases as PublishedGhosts
from release.migrations.errors import NoDownMigration, NothingToUndo, SchemaInUse
from release.model import (
    ArtefactAsked,
    BackupTaken,
    Decided,
    Freeze,
    Kind,
    Release,
    Scheduled,
    ScheduledState,
    SiteStatus,
    SiteVersions,
    SlotStatus,
    State,
    Step,
    StepState,
    Verdict,
    Versions,
    WatchDecided,
    WatchEnd,
)
from release.preflight import NotAnUpgrade
from release.records import Records
from release.records.audit import BOT
from release.shape import Shape
from release.side_by_side import Joined
from release.site import PRODUCTION, NothingThere, Site
from release.slot_log import SlotLog, newest_log
from release.swap import Held, change_of, held_by_production
from release.version import NotAVersion, Version

log = logging.getLogger(__name__)
Start = Callable[[Release], Awaitable[None]]

PASSES = 20
"""So many versions between a site's and the newest are named, and their notes read: the newest of them."""


class NoSuchApproval(ReleaseError):
    problem = "This question is not one of this bot's."
    remedy = "Look at /ghost status for what waits for a decision."


class Releases:
    """Starts, decides and shows releases. `start` hands a release's work to the engine."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        records: Records,
        ghosts: PublishedGhosts,
        start: Start,
        windows: tuple[FreezeWindow, ...] = (),
    ) -> None:
        self.windows = windows
        self._sites = sites
        self.records = records
        self._ghosts = ghosts
        self._start = start
        self._slots: Joined[SlotStatus] = Joined()

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(self._sites)

    def shape(self, site: str) -> Shape:
        """What kind of site it is."""
        return self._site(site).shape

    def _site(self, name: str | None) -> Site:
        if name is None:
            if len(self._sites) != 1:
                raise SiteNeeded(", ".join(self.sites))
            return next(iter(self._sites.values()))
        if name not in self._sites:
            raise UnknownSite(name, ", ".join(self.sites))
        return self._sites[name]

    def chosen(self, name: str | None) -> tuple[Site, ...]:
        """The site of that name, or every one."""
        return tuple(self._sites.values()) if name is None else (self._site(name),)

    # -- starting ---------------------------------------------------------------------------------

    async def upgrade(self, site: str | None, version: str | None, by: str, channel: str) -> Release:
        """Stage `version` (the newest when None). Wrong versions are refused before a release is begun."""
        chosen = self._site(site)
        kind = next((kind for kind in chosen.shape.kinds if kind.upgrades), Kind.UPGRADE)
        _suits(kind, chosen)
        published = self._ghosts.of(chosen.shape.recipe.source)
        found = (
            await published.find(Version.parse(version)) if version is not None else await published.newest()
        )
        current = await chosen.version(PRODUCTION)
        try:
            if Version.parse(current) >= found.version:
                raise NotAnUpgrade(chosen.name, current, str(found.version))
        except NotAVersion:
            log.info("production's version cannot be read", extra={"site": chosen.name, "version": current})
        return await self._begin(kind, chosen, by, channel, version=str(found.version))

    async def stage_new(self, versions: Versions, channel: str) -> tuple[Release, ...]:
        """Stage the newest version on every site that does so by itself, has not tried it yet, and may now.

        A busy or frozen site is left for the next look.
        """
        begun = []
        for one in versions.sites:
            wants = self._sites[one.site].config.stage_new_versions
            if not wants or one.behind == 0 or versions.skip_of(one.newest, one.site):
                continue
            if await self.records.has_tried(one.site, one.newest):
                continue
            try:
                begun.append(await self.upgrade(one.site, one.newest, BOT, channel))
            except ReleaseError as error:
                log.info("not staged by itself", extra={"site": one.site, "problem": str(error)})
        return tuple(begun)

    async def back_up(self, site: str | None, by: str, channel: str) -> Release:
        return await self._begin(Kind.BACKUP, self._site(site), by, channel)

    async def verify(self, site: str | None, by: str, channel: str) -> Release:
        """Back up, and boot a Ghost on a copy of the backup to see that it comes back to life."""
        return await self._begin(Kind.VERIFY, self._site(site), by, channel)

    async def verify_kept(self, backup: str, site: str | None, by: str, channel: str) -> Release:
        """Boot a Ghost on a copy of a backup that is kept. Raises as `restore` does."""
        found, chosen = await self._kept(backup, site)
        return await self._begin(
            Kind.VERIFY_KEPT, chosen, by, channel, version=found.version, backup=found.id
        )

    async def _kept(self, backup: str, site: str | None) -> tuple[BackupTaken, Site]:
        found = await self.records.backup(backup)
        if found is None:
            raise UnknownBackup(backup)
        chosen = self._site(site or found.site)
        if found.site != chosen.name:
            raise BackupOfAnother(backup, found.site, chosen.name)
        return found, chosen

    async def restore(self, backup: str, site: str | None, by: str, channel: str) -> Release:
        """Put a backup on staging. Raises UnknownBackup or BackupOfAnother before a release is begun."""
        found, chosen = await self._kept(backup, site)
        return await self._begin(Kind.RESTORE, chosen, by, channel, version=found.version, backup=found.id)

    async def carry_over(self, site: str | None, by: str, channel: str, of: str | None = None) -> Release:
        """Put production with what came late to its last release on staging. Raises NothingToCarry.

        With `of` only if it still is that release's late writes that would be carried.
        """
        chosen = self._site(site)
        source = await to_carry(self.records, chosen.name)
        if of is not None and source.id != of:
            raise NothingToCarry(chosen.name, f"production no longer runs what {of} put there")
        late = source.facts.late
        return await self._begin(
            Kind.CARRY_OVER,
            chosen,
            by,
            channel,
            version=source.version,
            backup=late.late.id if late else None,
        )

    async def swap(self, site: str | None, by: str, channel: str) -> Release:
        """Test what is on staging, then ask whether it may go live."""
        return await self._begin(Kind.SWAP, self._site(site), by, channel)

    async def roll_back(self, site: str | None, by: str, channel: str) -> Release:
        """Put the version before the last live release back. Raises NothingToRollBack."""
        chosen = self._site(site)
        holder = await self.records.open_release(chosen.name)
        if holder is not None and holder.is_watched:
            raise BeingWatched(chosen.name, holder.id)
        last = await last_live(chosen, self.records)
        if last is None or last.from_version is None:
            raise NothingToRollBack(chosen.name)
        way_back = next((kind for kind in chosen.shape.kinds if kind.goes_back), Kind.ROLLBACK)
        return await self._begin(
            way_back, chosen, by, channel, version=last.from_version, before=last.version, undoes=last.id
        )

    async def deploy(
        self, site: str | None, where: str, digest: str | None, by: str, channel: str
    ) -> Release:
        """Put an artefact on staging, migrate the shared database, and ask. Raises NotAnArtefact."""
        chosen = self._site(site)
        reference(where)
        kind = next((kind for kind in chosen.shape.kinds if kind.deploys), Kind.DEPLOY)
        asked = ArtefactAsked(where, digest)
        return await self._begin(kind, chosen, by, channel, facts={"artefact_asked": asked})

    async def undo_migration(self, site: str | None, by: str, channel: str, of: str | None = None) -> Release:
        """Run the down migration of the last release that migrated. Raises NothingToUndo or SchemaInUse.

        With `of` only if it still is that release's migration that would be undone.
        """
        chosen = self._site(site)
        if Kind.MIGRATE_DOWN not in chosen.shape.kinds:
            raise (
                NoDownMigration(chosen.name)
                if not chosen.shape.own_database
                else NotForThisSite(chosen.name, chosen.shape.words)
            )
        last = await last_migrated(chosen, self.records)
        if of is not None and last.id != of:
            raise NothingToUndo(chosen.name, f"{last.id} migrated after {of}")
        if (await held_by_production(chosen, change_of(last)))[0] is Held.AFTER:
            raise SchemaInUse(chosen.name, last.version or "the new version")
        return await self._begin(
            Kind.MIGRATE_DOWN,
            chosen,
            by,
            channel,
            version=last.from_version,
            before=last.version,
            undoes=last.id,
        )

    async def _begin(
        self,
        kind: Kind,
        site: Site,
        by: str,
        channel: str,
        version: str | None = None,
        before: str | None = None,
        undoes: str | None = None,
        backup: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> Release:
        _suits(kind, site)
        await self._may_go_live(kind, site.name)
        release = await self.records.create(
            kind,
            site.name,
            by,
            channel,
            version=version,
            before=before,
            undoes=undoes,
            backup=backup,
            facts=facts,
        )
        await self._start(release)
        return release

    # -- later ------------------------------------------------------------------------------------

    async def schedule(
        self, site: str | None, order: str, by: str, channel: str, at: datetime | None
    ) -> Scheduled:
        """The order, as it was typed, is begun at that time, or (None) as soon as its site is free."""
        return await self.records.schedule(self._site(site).name, order, by, channel, at)

    async def unschedule(self, scheduled: str, by: str) -> Scheduled:
        """It is never begun. Raises NothingScheduled where it was begun already, or is not known."""
        one = await self.records.scheduled_of(scheduled)
        if one is None or not await self.records.end_scheduled(one, ScheduledState.CANCELLED, by):
            raise NothingScheduled(scheduled)
        return one

    # -- freezing ---------------------------------------------------------------------------------

    async def freeze(self, site: str | None, by: str, until: datetime | None, reason: str) -> Freeze:
        """Nothing new goes live on the site (None: on any) until then, or until it is lifted."""
        freeze = await self.records.freeze(site and self._site(site).name, by, until, reason)
        await self.records.audit_freeze(freeze, by, "freeze")
        return freeze

    async def unfreeze(self, site: str | None, by: str) -> tuple[Freeze, ...]:
        """Lift the freezes of the site, or those of all. Raises NotFrozen, FrozenBySettings or FrozenWithAll."""
        name = self._site(site).name if site else None
        lifted = await self.records.lift(name, by)
        for freeze in lifted:
            await self.records.audit_freeze(freeze, by, "unfreeze")
        if lifted:
            return lifted
        one = name or (self.sites[0] if len(self.sites) == 1 else None)
        if one is not None and one != name:
            return await self.unfreeze(one, by)
        still = await self.frozen(name) if name else None
        if still is None:
            raise NotFrozen(name or "all sites together")
        if still.by is None:
            raise FrozenBySettings(name, still.reason or still.in_words)
        raise FrozenWithAll(name)

    async def frozen(self, site: str) -> Freeze | None:
        """The freeze that keeps this site from new versions now; of several the one that ends last."""
        moment = datetime.now(UTC)
        return self._frozen(site, await self.records.freezes(moment), moment)

    def _frozen(self, site: str, typed: Sequence[Freeze], moment: datetime) -> Freeze | None:
        mine = [one for one in typed if one.site in (None, site)]
        configured = [found for window in self.windows if (found := window.freezes(site, moment))]
        return longest((*mine, *configured))

    async def _may_go_live(self, kind: Kind, site: str) -> None:
        """Raises SiteFrozen for what puts something new live while the site is frozen."""
        if kind in OPEN_ALWAYS:
            return
        found = await self.frozen(site)
        if found is not None:
            lifts = (
                f", and /ghost unfreeze{f' {found.site}' if found.site else ''} lifts it" if found.by else ""
            )
            raise SiteFrozen(site, found.in_words, lifts, found.by or "")

    async def go_on(self) -> None:
        """Start what was decided but not yet started when an earlier process ended; starting twice does nothing."""
        for release in await self.records.working_releases():
            await self._start(release)

    # -- deciding ---------------------------------------------------------------------------------

    async def decide(self, approval: str, verdict: Verdict, by: str, reason: str | None = None) -> Decided:
        """Approve or reject: of racing decisions one wins, and only it starts the promotion."""
        decided = await self._decided(approval, verdict, by, reason)
        if decided is None:
            raise NoSuchApproval
        return decided

    async def break_glass(self, approval: str, by: str, reason: str) -> Decided:
        """Approve alone, whoever asked and whatever is frozen; the reason is kept and told."""
        decided = await self._decided(approval, Verdict.APPROVED, by, f"break-glass: {reason}", alone=True)
        if decided is None:
            raise NoSuchApproval
        return decided

    async def _decided(
        self,
        approval_id: str,
        verdict: Verdict,
        by: str | None,
        reason: str | None = None,
        alone: bool = False,
    ) -> Decided | None:
        """Decide, and start what follows: the promotion, or undoing what was done to staging."""
        approval = await self.records.approval(approval_id)
        if approval is None:
            return None
        release = await self.records.release(approval.release)
        if verdict is Verdict.APPROVED and approval.verdict is Verdict.PENDING and not alone:
            await self._may_go_live(release.kind, release.site)
        undo = _leaves_staging_changed(release, verdict)
        decided = await self.records.decide(approval_id, verdict, by, reason, undo, alone)
        if decided is not None and decided.won and decided.release.state.is_open:
            await self._start(decided.release)
        return decided

    async def stop_old_slot(self, release_id: str) -> Release:
        """The old version's slot is stopped now, not after its grace. Raises NoOldSlot where none waits for that."""
        release = await self.records.release(release_id)
        facts = release.facts
        if release.state is not State.LIVE or facts.old_slot_stops_at is None or facts.old_slot_stopped_at:
            raise NoOldSlot(release.site)
        if facts.old_slot_stops_at > datetime.now(UTC):
            await self.records.note(release_id, old_slot_stops_at=datetime.now(UTC))
        return await self.records.release(release_id)

    async def end_watch(self, release_id: str, end: WatchEnd, by: str) -> WatchDecided:
        """Keep a release that is being watched, or take it back. The decision that stands; the first one wins.

        Raises NotWatched where nothing was left to decide.
        """
        release = await self.records.release(release_id)
        if release.is_watched:
            return await self.records.decide_watch(release_id, WatchDecided(end, datetime.now(UTC), by))
        if release.facts.watch is not None:
            return release.facts.watch
        raise NotWatched(release.id, release.state.replace("_", " "), release.site)

    async def cancel(self, site: str | None, by: str) -> Release:
        """Stop the open release of a site between two steps. Raises TooLateToCancel once the swap was asked for."""
        chosen = self._site(site)
        release = await self.records.open_release(chosen.name)
        if release is None:
            raise NothingToCancel(chosen.name)
        if release.state is State.AWAITING_APPROVAL:
            approval = await self.records.approval_of(release.id)
            if approval is not None:
                decided = await self._decided(approval.id, Verdict.CANCELLED, by)
                if decided is not None and decided.won:
                    return decided.release
        if release.is_watched:
            raise BeingWatched(chosen.name, release.id)
        if release.state is State.UNDOING:
            return release
        if release.step(Step.SWAP).state is not StepState.PENDING or release.state is State.ROLLING_BACK:
            raise TooLateToCancel(release.id, chosen.name)
        if not await self.records.ask_cancel(release.id, by):
            raise TooLateToCancel(release.id, chosen.name)
        return await self.records.release(release.id)

    async def expire_approvals(self) -> None:
        """Questions nobody answered in time are closed, and their sites are free again."""
        for approval in await self.records.overdue_approvals():
            await self._decided(approval.id, Verdict.EXPIRED, None, "nobody decided in time")

    async def remind_approvers(self) -> None:
        """Questions that nobody has answered for a while are asked again, once."""
        now = datetime.now(UTC)
        for one in await self.records.waiting():
            if one.reminded or one.frozen is not None:  # while it is frozen nobody could approve it
                continue
            site = self._sites.get(one.site)
            after = site.config.remind_after if site else timedelta()
            if after and one.asked_at + after <= now < one.expires_at:
                await self.records.note(one.release, reminded_at=now)

    async def tell_freezes(self) -> None:
        """What waits for an approval knows the freeze that keeps it from going live, and when that is over."""
        moment = datetime.now(UTC)
        typed = await self.records.freezes(moment)
        for one in await self.records.waiting():
            if one.kind in OPEN_ALWAYS:
                continue
            found = self._frozen(one.site, typed, moment)
            if found != one.frozen:
                await self.records.note(one.release, frozen=found)

    # -- looking ----------------------------------------------------------------------------------

    async def status(self, site: str | None) -> tuple[SiteStatus, ...]:
        return tuple(await asyncio.gather(*(self._status(chosen) for chosen in self.chosen(site))))

    async def _status(self, site: Site) -> SiteStatus:
        production, staging, open_release, last, backups = await asyncio.gather(
            self._slot_status(site, PRODUCTION),
            self._slot_status(site, site.staging),
            self.records.open_release(site.name),
            self.records.history(site.name, limit=2),
            self.records.backups(site.name, limit=10),
        )
        ended = next((release for release in last if not release.state.is_open), None)
        last_backup = next((backup for backup in backups if backup.slot is None), None)
        backed_up = Kind.BACKUP in site.shape.kinds
        freeze = await self.frozen(site.name)
        waiting = await self.records.scheduled(site.name)
        return SiteStatus(
            site.name, production, staging, open_release, ended, last_backup, backed_up, freeze, waiting
        )

    async def _slot_status(self, site: Site, slot: str) -> SlotStatus:
        return await self._slots.look((site.name, slot), lambda: slot_status(site, slot))

    async def compare(self, site: str | None) -> SlotsCompared:
        """What differs between the slots of a site now."""
        return await compare_slots(self._site(site))

    async def log(self, site: str | None, slot: str | None) -> SlotLog:
        """The end of a slot's newest log."""
        return await newest_log(self._site(site), slot)

    async def versions(self, site: str | None) -> Versions:
        """The newest published versions, and how far behind each site is that runs them."""
        chosen = self.chosen(site)
        upgraded = [one for one in chosen if any(kind.upgrades for kind in one.shape.kinds)]
        if site is not None and not upgraded:
            raise NotForThisSite(chosen[0].name, chosen[0].shape.words)
        if not upgraded:
            return Versions((), (), await self.records.skips())
        known = await self._ghosts.all()
        newest = tuple(str(release.version) for release in reversed(known[-5:]))

        async def of(chosen: Site) -> SiteVersions:
            try:
                current = Version.parse(await chosen.version(PRODUCTION))
                there = await self._ghosts.of(chosen.shape.recipe.source).all()
            except ReleaseError as error:
                return SiteVersions(chosen.name, None, newest[0], 0, str(error))
            return _behind(chosen.name, current, there, known)

        sites = await asyncio.gather(*(of(one) for one in upgraded))
        return Versions(newest, tuple(sites), await self.records.skips())

    async def history(self, site: str | None, limit: int = 10) -> tuple[Release, ...]:
        return await self.records.history(self._site(site).name if site is not None else None, limit)

    async def backups(self, site: str | None) -> tuple[BackupTaken, ...]:
        """Every backup that is kept, newest first."""
        if site is not None:
            _suits(Kind.BACKUP, self._site(site))
        found = [
            backup
            for chosen in self.chosen(site)
            for backup in await self.records.backups(chosen.name, limit=None)
        ]
        return tuple(sorted(found, key=lambda backup: backup.taken_at, reverse=True))

    # -- new versions -----------------------------------------------------------------------------

    async def published(self, version: str | None) -> str:
        """That version as it is published, or (None) the newest. Raises UnknownVersion."""
        if version is None:
            return str((await self._ghosts.newest()).version)
        return str((await self._ghosts.find(Version.parse(version))).version)

    async def skip_version(self, version: str, by: str, site: str | None = None) -> None:
        """Nobody is asked about the version any more: for this site, or for any. It is not staged by itself either."""
        await self.records.skip_version(version, by, self._site(site).name if site else None)

    async def unskip_version(self, version: str, by: str, site: str | None = None) -> None:
        """The version is offered again: to this site, or to all. Raises NotSkipped."""
        name = self._site(site).name if site else None
        others = [one for one in self.sites if one != name]
        if not await self.records.unskip_version(version, by, name, others):
            raise NotSkipped(version, f" for {name}" if name else "")


def _behind(
    site: str, current: Version, there: Sequence[GhostRelease], known: Sequence[GhostRelease]
) -> SiteVersions:
    """How far a site is behind the newest that its source has, and the way there; `known` are the versions of npm."""
    latest = there[-1] if there else known[-1]
    nodes = {release.version: release.node for release in there}
    try:
        stops = stops_between(current, latest.version, there)
    except TooOld as error:
        return SiteVersions(site, str(current), str(latest.version), 0, f"{error} {error.advice}")
    return SiteVersions(
        site,
        str(current),
        str(latest.version),
        sum(release.version > current for release in there),
        stops=tuple(str(stop.version) for stop in stops),
        passes=tuple(str(one.version) for one in known if current < one.version < latest.version)[-PASSES:],
        node=nodes.get(current, ""),
        newest_node=latest.node,
    )


def _suits(kind: Kind, site: Site) -> None:
    """Raises NotForThisSite for a release that this kind of site cannot have."""
    if kind not in site.shape.kinds:
        raise NotForThisSite(site.name, site.shape.words)


async def _failed_and_live(site: Site, release: Release) -> bool:
    """Whether production holds what a failed release swapped in: one that was not verified, or not swapped back."""
    swapped = release.step(Step.SWAP).state is not StepState.PENDING
    if release.state is not State.FAILED or release.kind.goes_back or not swapped:
        return False
    if release.facts.swap is not None and release.facts.swap.swapped_back:
        return False
    return (await held_by_production(site, change_of(release)))[0] is Held.AFTER


async def last_live(site: Site, records: Records) -> Release | None:
    """The release that is in production now, if the bot put it there. One may have failed and yet be live."""
    for release in await records.history(site.name, limit=50):
        if release.state is State.LIVE or await _failed_and_live(site, release):
            return release
        if release.state is State.ROLLED_BACK and not release.kind.goes_back:
            return None
    return None


async def last_migrated(site: Site, records: Records) -> Release:
    """The newest release that has migrated the shared database. Raises NothingToUndo."""
    for release in await records.history(site.name, limit=50):
        if release.facts.schema is not None:
            if release.facts.schema.undone_by is not None:
                raise NothingToUndo(site.name, f"{release.facts.schema.undone_by} has undone the last one")
            return release
    raise NothingToUndo(site.name, "none of the last releases has migrated the database")


def _leaves_staging_changed(release: Release, verdict: Verdict) -> bool:
    """Whether staging has to be given back what it was.

    Who cancels wants it undone. A candidate that was rejected, or waited in vain, stays: it can still be swapped
    in. But an old slot that was started only to be looked at is stopped again, and what waits for a migration which
    nobody wants, or runs on a scratch database, is of no use.
    """
    before = release.facts.staging_before
    if before is None:
        return False
    if release.kind is Kind.DEPLOY_ASKING_FIRST or release.kind.rehearses:
        return True
    only_started = release.kind.goes_back or release.kind is Kind.SWAP
    return verdict is Verdict.CANCELLED or (only_started and not before.running)


async def slot_status(site: Site, slot: str) -> SlotStatus:
    """A slot as it is now; what cannot be read is said, not raised."""
    try:
        found = await site.app.slot(slot)
    except ReleaseError as error:
        return SlotStatus(slot, "unknown", None, "", healthy=False, trouble=str(error))
    try:
        version: str | None = await site.version(slot)
        trouble = None
    except NothingThere as error:
        if slot != PRODUCTION:
            return SlotStatus(slot, found.state.lower(), None, found.url, healthy=False, empty=True)
        version, trouble = None, str(error)
    except ReleaseError as error:
        version, trouble = None, str(error)
    healthy = found.running and await site.answers(slot)
    product = site.shape.product
    return SlotStatus(slot, found.state.lower(), version, found.url, healthy, trouble, product=product)
