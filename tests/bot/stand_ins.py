"""Sites, published Ghosts and an engine that hold state and do as they are told. Records and Slack are real."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from release.azure.errors import ScmUnreachable
from release.azure.webapp import Slot, WebApp
from release.ghost.releases import GhostRelease
from release.ghost.releases import Releases as PublishedGhosts
from release.ghost.sources import Published, Source
from release.model import (
    PROMOTE_STEPS,
    STAGE_STEPS,
    BackupTaken,
    Candidate,
    MigrationDone,
    PageCompared,
    ProbeSeen,
    Release,
    State,
    Step,
    StepState,
    SwapDone,
    Written,
)
from release.records import Records
from release.shapes import GHOST_ON_SQLITE
from release.site import Site, SiteConfig
from release.version import Version


class Unreachable(ScmUnreachable):
    problem = "{0} does not answer."
    remedy = "Look at the slot's log in Azure."


class StandInApp(WebApp):
    """Both slots run."""

    def __init__(self, name: str) -> None:
        self._site = name

    async def slot(self, name: str) -> Slot:
        host = self._site if name == "production" else f"{self._site}-{name}"
        url = f"https://{host}.example.net"
        return Slot(
            name, "Running", url, url, None, None, None, linux=True, container=False, https_only=False
        )


class StandInSite(Site):
    """A site whose versions are set by the test; `sick` slots do not answer."""

    def __init__(self, name: str, production: str, staging: str) -> None:
        self.config = SiteConfig(name, "blogs", name)
        self.shape = GHOST_ON_SQLITE
        self.app = StandInApp(name)
        self.versions = {"production": production, "staging": staging}
        self.sick: set[str] = set()

    async def version(self, slot: str) -> str:
        if slot in self.sick:
            raise Unreachable(f"{self.name}/{slot}")
        return self.versions[slot]

    async def answers(self, slot: str) -> bool:
        return slot not in self.sick


class StandInGhosts(PublishedGhosts):
    """The published versions, oldest first; `elsewhere` has those of other sources, by name. `away` does not answer."""

    def __init__(self, *versions: str) -> None:
        self.versions = versions
        self.elsewhere: dict[str, StandInGhosts] = {}
        self.away = False

    def of(self, source: Source) -> Published:
        """The same versions, wherever a site gets its own, unless others are there."""
        return self.elsewhere.get(source.name, self)

    async def all(self) -> tuple[GhostRelease, ...]:
        if self.away:
            raise Unreachable("the repository")
        return tuple(GhostRelease(Version.parse(version), "^22") for version in self.versions)


@dataclass
class Engine:
    """Takes releases to do; the test then says, step by step, how they go."""

    records: Records
    started: list[Release] = field(default_factory=list)
    breaks: bool = False

    async def start(self, release: Release) -> None:
        if self.breaks:
            raise RuntimeError("the engine is on fire")
        self.started.append(release)

    async def does(self, release_id: str, *steps: Step, detail: str = "as it should be") -> None:
        for step in steps:
            await self.records.step(release_id, step, StepState.RUNNING, "")
            await self.records.step(release_id, step, StepState.DONE, detail)

    async def stages(
        self, release_id: str, before: str, after: str, lasts: timedelta = timedelta(hours=1), needed: int = 1
    ) -> str:
        """Everything up to the question; returns the approval's id."""
        await self.records.set_versions(release_id, before, after)
        await self.does(release_id, *STAGE_STEPS)
        await self.records.note(
            release_id,
            candidate=Candidate(after, "p" * 64, "d" * 64, before, "https://blog-staging.example.net"),
            migration=MigrationDone(
                before, after, "m.db", "d" * 64, {"posts": (12, 12), "settings": (80, 84)}, 3.2
            ),
            pages=(
                PageCompared("/", "front page", "200", "200", "200", 41, ok=True),
                PageCompared("/about/", "a page", "200", "200", "200", 55, ok=True),
            ),
            warnings=("Warm-up lets a redirect <pass>.",),
            caught_up_at=datetime.now(UTC),
        )
        return (await self.records.ask(release_id, lasts, needed)).id

    async def promotes(self, release_id: str, before: str, after: str) -> None:
        await self.does(release_id, *PROMOTE_STEPS)
        await self.goes_live(release_id, before, after, State.LIVE)

    async def prices(self, release_id: str, words: str = "1 post added", lasts: float = 1) -> str:
        """A rollback up to its question, which lasts for hours; returns the approval's id."""
        await self.does(release_id, Step.PREFLIGHT, Step.START, Step.SMOKE_TEST, Step.BACK_UP)
        now = datetime.now(UTC)
        kept = BackupTaken("b-1", "blog", "6.65.0", "blog/b-1.db", "d" * 64, 3, {"posts": 13}, {}, now)
        await self.records.note(
            release_id,
            backup=kept,
            live_since=now - timedelta(hours=2),
            left_behind=Written(words, "News <of> today" if words != "nothing" else "", kept.id),
        )
        return (await self.records.ask(release_id, timedelta(hours=lasts))).id

    async def goes_live(self, release_id: str, before: str, after: str, state: State) -> None:
        await self.records.note(
            release_id,
            swap=SwapDone(before, after, 8.1, 120.0),
            probe=ProbeSeen(312, 0, 148.0, 12.0, 31.0),
            old_slot_stops_at=datetime.now(UTC) + timedelta(hours=1),
        )
        await self.records.move(release_id, state)

    async def fails(self, release_id: str, step: Step, reason: str, remedy: str) -> None:
        await self.records.step(release_id, step, StepState.RUNNING, "")
        await self.records.step(release_id, step, StepState.FAILED, reason)
        await self.records.move(release_id, State.FAILED, reason=reason, remedy=remedy)
