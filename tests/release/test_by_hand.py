"""Somebody swaps or deploys by hand in the middle of a release: it ends, and says what production runs now."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.render.result import production_stands
from release.azure.kudu import Kudu
from release.backups import BackupStore
from release.errors import ReleaseError
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry
from release.ghost.releases import Releases as PublishedGhosts
from release.model import BackupTaken, Kind, Release
from release.packages import Packages
from release.records import Records, open_records
from release.steps import Folders, Parts, Stages
from tests.bot.stand_ins import StandInSite

BEFORE, STAGED, BY_HAND = "6.40.0", "6.65.0", "6.50.0"
DUMP = BackupTaken("b-1", "blog", BEFORE, "blog/b-1.sql", "d", 3, {}, {}, datetime(2026, 3, 1, tzinfo=UTC))


class EmptyKudu(Kudu):
    """The SCM site of a slot that the bot left no note on."""

    def __init__(self) -> None:
        pass

    async def read(self, path: str) -> bytes | None:  # noqa: ARG002 - as the real one
        return None

    async def delete(self, path: str) -> None:
        pass


class SwappedByHand(StandInSite):
    """Production holds what a test says."""

    async def kudu(self, slot: str) -> Kudu:  # noqa: ARG002 - as the real one
        return EmptyKudu()


class Team:
    """One site, its records and the steps of its releases."""

    def __init__(self, folder: Path, records: Records) -> None:
        self.records = records
        self.site = SwappedByHand("blog", BEFORE, STAGED)
        npm = Npm(Cache(folder / "cache"), Registry("http://127.0.0.1:9"))
        folders, store = Folders(folder / "backups", folder / "work"), BackupStore(folder / "backups")
        packages = Packages(npm, records, None)
        sites = {"blog": self.site}
        self.stages = Stages(Parts(sites, records, npm, PublishedGhosts(npm), folders, store, packages))

    async def begins(self, kind: Kind, production: str) -> Release:
        """A release whose production somebody changed by hand since it was staged."""
        release = await self.records.create(kind, "blog", "ann", "C1", version=STAGED, before=BEFORE)
        self.site.versions["production"] = production
        return release

    async def stands(self, release: Release) -> str:
        return production_stands(await self.records.release(release.id))


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    records = open_records(f"sqlite:///{tmp_path}/bot.db")
    yield Team(tmp_path, records)
    records.close()


async def test_a_restore_says_what_production_runs_now(team: Team) -> None:
    release = await team.begins(Kind.RESTORE, BY_HAND)
    with pytest.raises(ReleaseError, match=BY_HAND):
        await team.stages.restoring.recheck(release.id)
    assert (
        await team.stands(release) == f"Production runs {BY_HAND} now: somebody swapped or deployed by hand."
    )


@pytest.mark.parametrize("production", [BY_HAND, STAGED])
async def test_a_rollback_says_what_production_runs_now(team: Team, production: str) -> None:
    release = await team.begins(Kind.ROLLBACK, production)
    with pytest.raises(ReleaseError, match=production):
        await team.stages.rolling_back.ready_to_roll_back(release.id)
    assert f"Production runs {production} now: somebody swapped" in await team.stands(release)


async def test_a_deployment_says_what_production_runs_now(team: Team) -> None:
    release = await team.begins(Kind.DEPLOY, BY_HAND)
    with pytest.raises(ReleaseError, match=BY_HAND):
        await team.stages.deploying.recheck_deployed(release.id)
    assert f"Production runs {BY_HAND} now: somebody swapped" in await team.stands(release)


@pytest.mark.parametrize("production", [BY_HAND, STAGED])
async def test_what_only_putting_the_database_back_finds_is_not_called_the_old_version(
    team: Team, production: str
) -> None:
    release = await team.begins(Kind.UPGRADE_SHARED, production)
    await team.records.note(release.id, way_back=DUMP)
    for _ in range(2):
        await team.stages.sharing.put_back(release.id)
        told = await team.stands(release)
        assert told.startswith(f"Production holds {production}, which somebody put there by hand")
