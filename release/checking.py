"""Everything a release of a site will need, looked at now and told at once; nothing is changed anywhere."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

from release.azure.kudu import Kudu
from release.below import below_one_path
from release.errors import ReleaseError
from release.migrations.config import MigrationConfig
from release.migrations.target import another_in_production, target_of
from release.model import Kind
from release.preflight import raise_all
from release.references import unresolved_references
from release.room import in_words
from release.routing import will_be_cleared
from release.site import PRODUCTION, Site
from release.slot_features import takes_a_preview, waits_to_be_swapped
from release.slot_settings import compare_settings
from release.staging import MUTE
from release.steps.deploying import SHOWN_TO_ALL
from release.steps.migrating import LOCKS, ONLY_OURS
from release.warm_up import warm_up_findings


class Outcome(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One look and what came of it. `remedy` says what to do about a problem."""

    outcome: Outcome
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class SiteChecked:
    """All that was looked at, in its order."""

    site: str
    findings: tuple[Finding, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in self.findings)


async def check_site(site: Site) -> SiteChecked:
    """Try everything; failures are findings."""
    if not (reached := await _tried("Azure", site.app.reachable())).good:
        return SiteChecked(site.name, reached.findings)
    looks = await asyncio.gather(
        *(_tried(slot, _slot(site, slot)) for slot in (PRODUCTION, site.staging)),
        *([_tried(site.shape.copies.told(site), _copies(site))] if Kind.BACKUP in site.shape.kinds else []),
        _tried("the way packages get there", _way_of_deployment(site)),
        *(
            [_tried("the database to migrate", _migrated(site, site.config.migration))]
            if site.config.migration
            else []
        ),
        _tried("settings of both slots", _settings(site)),
        _tried("path below its address", _below(site)),
        _tried("disk", _disk(site)),
        _tried("warm-up before a swap", _warm_up(site)),
        _tried("traffic routing", _routing(site)),
        _tried("auto swap", _auto_swap(site)),
        _tried("site authentication", _authentication(site)),
    )
    return SiteChecked(site.name, (*reached.findings, *(one for look in looks for one in look.findings)))


@dataclass(frozen=True)
class _Look:
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        return all(one.outcome is not Outcome.PROBLEM for one in self.findings)


@dataclass(frozen=True)
class _Seen:
    """What a look found: a word where it is well, warnings, and problems that are no reason to stop looking."""

    word: str = ""
    warnings: tuple[str, ...] = ()
    problems: tuple[ReleaseError, ...] = ()


async def _tried(what: str, look: Awaitable[_Seen | None]) -> _Look:
    try:
        seen = await look or _Seen()
    except ReleaseError as error:
        return _Look((_problem(what, error),))
    findings = [_problem(what, error) for error in seen.problems]
    findings += [Finding(Outcome.WARNING, warning) for warning in seen.warnings]
    if not seen.problems:
        findings.insert(0, Finding(Outcome.GOOD, f"{what}: {seen.word}" if seen.word else what))
    return _Look(tuple(findings))


def _problem(what: str, error: ReleaseError) -> Finding:
    return Finding(Outcome.PROBLEM, f"{what}: {error}", error.advice)


async def _slot(site: Site, slot: str) -> _Seen:
    found = await site.app.slot(slot)
    kudu = await site.kudu(slot)
    await kudu.reachable()
    stack = await site.app.stack(slot)
    version = await _version(site, slot)
    sign_in = _about_the_password(site, slot, kudu)
    return _Seen(f"{found.state.lower()}, {version}, stack {stack or 'not set'}, {found.url}", sign_in)


def _about_the_password(site: Site, slot: str, kudu: Kudu) -> tuple[str, ...]:
    """The identity's token is the better way in: it lives an hour, and cannot be found in any settings."""
    if kudu.with_password:
        return (
            f"{slot}: its SCM site refuses the bot's identity, so a publishing password is used (basic "
            "authentication). The identity is better: give it Website Contributor on the slot, then take the password "
            "from the settings.",
        )
    if site.config.password(slot) is not None:
        return (
            f"{slot}: a publishing password is in the settings and is not needed: the SCM site takes the bot's "
            "identity, which is better. Take it from the settings, and turn basic authentication off.",
        )
    return ()


async def _version(site: Site, slot: str) -> str:
    if slot == PRODUCTION:
        return f"{site.shape.product}{await site.version(slot)}"
    try:
        return f"{site.shape.product}{await site.version(slot)}"
    except ReleaseError:
        return "nothing deployed yet"  # a new staging slot is empty, and that is fine


async def _copies(site: Site) -> _Seen:
    return _Seen(await site.shape.copies.ready(site) or "")


async def _way_of_deployment(site: Site) -> None:
    raise_all(site, list(await site.shape.deployment.problems(site)))


async def _migrated(site: Site, migration: MigrationConfig) -> _Seen:
    """The connection string is there and can be handed over; what people should know of it is warned of."""
    target = await target_of(site, migration, site.staging)
    target.as_format(migration.format, migration.connection_string)
    another = await another_in_production(site, migration)
    warnings = (
        *([f"{SHOWN_TO_ALL}."] if migration.shows_secret else []),
        *([f"{another}."] if another else []),
    )
    kept = LOCKS.get(target.kind, ONLY_OURS)
    return _Seen(f"{migration.connection_string}, {target.kind}; {kept}", warnings)


async def _settings(site: Site) -> _Seen:
    found = await compare_settings(site, MUTE)
    return _Seen("compared", (*found.warnings, *await unresolved_references(site)), found.problems)


async def _below(site: Site) -> _Seen:
    await below_one_path(site)
    return _Seen(await site.path() or "at its root")


async def _disk(site: Site) -> _Seen:
    storage = await site.app.storage()
    return _Seen(in_words(storage) if storage else "Azure does not tell how full it is")


async def _warm_up(site: Site) -> _Seen:
    found = await warm_up_findings(site)
    return _Seen("" if found else "reaches the app, as far as can be told", found)


async def _routing(site: Site) -> _Seen:
    found = will_be_cleared(await site.app.routed())
    return _Seen("" if found else "off", found)


async def _auto_swap(site: Site) -> _Seen:
    await waits_to_be_swapped(site)
    return _Seen("off")


async def _authentication(site: Site) -> _Seen:
    unknown = await takes_a_preview(site)
    return _Seen("" if unknown else "off", unknown)
