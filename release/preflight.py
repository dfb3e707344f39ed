"""What has to be true before a release starts: every problem found at once, before anything is touched."""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from release.below import below_one_path
from release.errors import ReleaseError
from release.ghost.node import accepts_major, fitting_majors_of, major_of_stack, usual_major_of
from release.ghost.path import stops_between
from release.ghost.releases import GhostRelease
from release.model import Stacks, Stop
from release.references import unresolved_references
from release.routing import will_be_cleared
from release.runtimes import NODE_VERSION
from release.site import PRODUCTION, WWWROOT, NothingThere, Site
from release.slot_features import takes_a_preview, waits_to_be_swapped
from release.slot_settings import compare_settings
from release.staging import MUTE
from release.version import NotAVersion, Version
from release.warm_up import warm_up_findings

T = TypeVar("T")


class PreflightFailed(ReleaseError):
    problem = "{0} is not ready for a release: {1}"
    remedy = "{2}"


class NotAnUpgrade(ReleaseError):
    problem = "{0} runs {1} already, and {2} is not newer."
    remedy = "Ask for a newer version (/ghost versions lists them). To go back, use /ghost rollback {0}."

    def __str__(self) -> str:
        site, current, asked = self.args
        return f"{site} runs {current} already." if asked == current else super().__str__()


class NotRunning(ReleaseError):
    problem = "{0} is {1}."
    remedy = "Start it in the portal or with `az webapp start`, look at why it was stopped, then start again."


class WrongNode(ReleaseError):
    problem = "Ghost {0} asks for Node {1}; {2} has the stack {3}."
    remedy = "Choose a version of Ghost for a Node that App Service offers: /ghost versions."


class NoNodeStack(ReleaseError):
    problem = "{0} has the stack {1}, from which its Node cannot be told."
    remedy = (
        'Set it with `az webapp config set --linux-fx-version "NODE|22-lts"` for production and staging. '
    )
    remedy += 'Is the site on Windows, set system = "windows" in ghostbot.toml.'


class NodeStaysBehind(ReleaseError):
    problem = (
        "{0} has {1} and the new version runs on {2}, but the app setting {3} stays with its slot: after the swap the "
        "new version would run on production's Node."
    )
    remedy = "Take it off the list of slot settings (portal: Environment variables), then start again."


class PreviewLeftBehind(ReleaseError):
    problem = "{0} is in a swap with preview that somebody began and did not end."
    remedy = "Complete or cancel it in the portal (Deployment slots, Swap), then start again."


class NothingToSwap(ReleaseError):
    problem = "Production and staging of {0} both hold {1}."
    remedy = "There is nothing to swap. Put a version on staging first: /ghost upgrade."


@dataclass(frozen=True)
class Cleared:
    """A site ready for a release. `warnings` are for the people who approve.

    `node_major` is that of the Node that staging has or is given, `stops` is where the database stops on its way.
    `passes` are the published versions between the two, oldest first.
    `warm_up` is what is wrong with how Azure will warm the app up: asked again when staging holds the new one.
    """

    current: str
    target: str
    node_major: int
    warnings: tuple[str, ...]
    stops: tuple[Stop, ...] = ()
    stacks: Stacks | None = None
    warm_up: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()


async def preflight_upgrade(site: Site, target: GhostRelease, published: Sequence[GhostRelease]) -> Cleared:
    """Slots, SCM sites and copies of the database are as an upgrade to `target` needs them, and its way is known."""
    problems: list[ReleaseError] = []
    warnings = await _slots_of_a_candidate(site, problems, MUTE)
    raise_all(site, problems)
    way, stacks, _ = await asyncio.gather(
        _caught(problems, _way(site, target.version, published)),
        _caught(problems, stacks_for(site, target)),
        _caught(problems, site.shape.copies.ready(site)),
    )
    await _caught(problems, (await site.kudu(site.staging)).reachable())
    raise_all(site, problems)
    current, stops = way or ("", ())
    warm_up = await warm_up_findings(site)
    passes = _between(current, target.version, published)
    return Cleared(current, str(target.version), _major(stacks), warnings, stops, stacks, warm_up, passes)


def _between(current: str, target: Version, published: Iterable[GhostRelease]) -> tuple[str, ...]:
    """The versions that this release leaps over."""
    start = Version.parse(current)
    return tuple(map(str, sorted(one.version for one in published if start < one.version < target)))


async def preflight_restore(site: Site, target: GhostRelease) -> Cleared:
    """As for an upgrade, except that `target` may be older than production, or the same."""
    problems: list[ReleaseError] = []
    warnings = await _slots_of_a_candidate(site, problems, MUTE)
    raise_all(site, problems)
    current, stacks, _ = await asyncio.gather(
        _caught(problems, site.version(PRODUCTION)),
        _caught(problems, stacks_for(site, target)),
        _caught(problems, site.shape.copies.ready(site)),
    )
    await _caught(problems, (await site.kudu(site.staging)).reachable())
    raise_all(site, problems)
    warm_up = await warm_up_findings(site)
    return Cleared(
        str(current), str(target.version), _major(stacks), warnings, stacks=stacks, warm_up=warm_up
    )


async def preflight_swap(site: Site) -> Cleared:
    """Both slots hold a Ghost and nothing is in the way of a swap; `target` is what staging holds."""
    problems: list[ReleaseError] = []
    warnings = await _slots_of_a_candidate(site, problems)
    return await _both_versions(site, problems, warnings)


async def preflight_back(site: Site) -> Cleared:
    """As for a swap. A rollback deploys nothing and has no preview, so what would be in the way of those is not."""
    problems: list[ReleaseError] = []
    warnings = await _slots(site, problems)
    return await _both_versions(site, problems, warnings)


async def _both_versions(site: Site, problems: list[ReleaseError], warnings: tuple[str, ...]) -> Cleared:
    raise_all(site, problems)
    current, target = await asyncio.gather(
        _caught(problems, site.version(PRODUCTION)), _caught(problems, site.version(site.staging))
    )
    raise_all(site, problems)
    return Cleared(current or "", target or "", 0, warnings, warm_up=await warm_up_findings(site))


async def preflight_deploy(site: Site) -> Cleared:
    """Slots and SCM sites are as putting an artefact on staging needs them; what it is, is not known yet."""
    problems: list[ReleaseError] = []
    warnings = await _slots_of_a_candidate(site, problems)
    raise_all(site, problems)
    current = await _caught(problems, site.version(PRODUCTION))
    await _caught(problems, (await site.kudu(site.staging)).reachable())
    raise_all(site, problems)
    return Cleared(current or "", "", 0, warnings, warm_up=await warm_up_findings(site))


async def _caught(problems: list[ReleaseError], check: Awaitable[T]) -> T | None:
    try:
        return await check
    except ReleaseError as problem:
        problems.append(problem)
        return None


def raise_all(site: Site, problems: list[ReleaseError]) -> None:
    """One problem is raised as itself; several as one error that names them all."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        what = " ".join(f"({n}) {problem}" for n, problem in enumerate(problems, 1))
        remedies = dict.fromkeys(problem.advice for problem in problems)
        raise PreflightFailed(site.name, what, " ".join(remedies))


async def _slots_of_a_candidate(
    site: Site, problems: list[ReleaseError], but: Collection[str] = ()
) -> tuple[str, ...]:
    """As `_slots`, where what is on staging waits for an approval, and is tested in a preview before it goes live."""
    if not await _are_there(site, problems):
        return ()
    await _caught(problems, waits_to_be_swapped(site))
    untold = await _caught(problems, takes_a_preview(site)) or ()
    return (*await _about_slots(site, problems, but), *untold)


async def _slots(site: Site, problems: list[ReleaseError]) -> tuple[str, ...]:
    """What is in the way at the slots goes to `problems`; what people should know of them is returned."""
    return await _about_slots(site, problems, ()) if await _are_there(site, problems) else ()


async def _are_there(site: Site, problems: list[ReleaseError]) -> bool:
    production = await _caught(problems, site.app.slot(PRODUCTION))
    staging = await _caught(problems, site.app.slot(site.staging))
    if production is None or staging is None:
        return False
    if not production.running:
        problems.append(NotRunning(site.app.called(PRODUCTION), production.state.lower()))
    if production.target_swap_slot is not None:
        problems.append(PreviewLeftBehind(site.name))
    return True


async def _about_slots(site: Site, problems: list[ReleaseError], but: Collection[str]) -> tuple[str, ...]:
    routed, settings = await asyncio.gather(
        _caught(problems, site.app.routed()), _caught(problems, compare_settings(site, but))
    )
    problems += settings.problems if settings else ()
    problems += await _caught(problems, site.shape.deployment.problems(site)) or ()
    await _caught(problems, below_one_path(site))
    return (
        *(will_be_cleared(routed) if routed else ()),
        *(settings.warnings if settings else ()),
        *await unresolved_references(site),
    )


async def _current(site: Site, target: Version) -> str:
    current = await site.version(PRODUCTION)
    try:
        older = Version.parse(current) < target
    except NotAVersion as error:
        raise NothingThere(site.app.called(PRODUCTION), f"{WWWROOT}/package.json") from error
    if not older:
        raise NotAnUpgrade(site.name, current, str(target))
    return current


async def _way(
    site: Site, target: Version, published: Iterable[GhostRelease]
) -> tuple[str, tuple[Stop, ...]]:
    """Production's exact version, and where its database stops on the way to `target`."""
    current = await _current(site, target)
    stops = stops_between(Version.parse(current), target, published)
    return current, tuple(Stop(str(stop.version), stop.node) for stop in stops)


async def stacks_for(site: Site, target: GhostRelease) -> Stacks:
    """Both slots' stacks, and the one that staging needs for `target`: its own, production's, or a fitting one.

    Raises NoNodeStack where staging's is none of Node's, WrongNode where no Node of App Service would do, and
    NodeStaysBehind where production would not get that stack by the swap.
    """
    stacks = await _stacks_for(site, target)
    if stacks.production != stacks.needed and await site.shape.runtime.stays_with_its_slot(site):
        called = site.app.called(PRODUCTION)
        raise NodeStaysBehind(called, stacks.production, stacks.needed, NODE_VERSION)
    return stacks


async def _stacks_for(site: Site, target: GhostRelease) -> Stacks:
    runtime = site.shape.runtime
    production, staging = await asyncio.gather(
        *(runtime.stack(site, slot, target.node) for slot in (PRODUCTION, site.staging))
    )
    if major_of_stack(staging) is None:
        raise NoNodeStack(site.app.called(site.staging), staging or "not set")
    for stack in (staging, production):
        major = major_of_stack(stack)
        if major is not None and accepts_major(target.node, major):
            return Stacks(production, staging, stack)
    if not fitting_majors_of(target.node):
        raise WrongNode(str(target.version), target.node, site.app.called(site.staging), staging)
    return Stacks(production, staging, f"NODE|{usual_major(target)}-lts")


def _major(stacks: Stacks | None) -> int:
    return (stacks and major_of_stack(stacks.needed)) or 0


async def node_major(site: Site, target: GhostRelease, slot: str) -> int:
    """The Node major of the slot's stack, if `target` runs on it."""
    stack = await site.shape.runtime.stack(site, slot, target.node)
    called = site.app.called(slot)
    major = major_of_stack(stack)
    if major is None:
        raise NoNodeStack(called, stack or "not set")
    if not accepts_major(target.node, major):
        raise WrongNode(str(target.version), target.node, called, stack)
    return major


def usual_major(target: GhostRelease) -> int:
    """The Node major that suits this Ghost, as near to 22 as may be."""
    return usual_major_of(target.node)
