"""A web app with a shared database goes live: in the order of the pipeline that this retells, and never otherwise."""

from dataclasses import replace

import pytest

from release.errors import ReleaseError
from release.migrations.errors import NothingToUndo
from release.model import ArtefactAsked, Kind, State, Step, StepState, Verdict
from release.unfinished import UnfinishedThere, refuse_unfinished
from tests.deploy.bench import (
    BAD,
    ONE,
    PASSWORD,
    TWO,
    Bench,
    Build,
    digest_of,
    zipped,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_it_stops_deploys_migrates_starts_swaps_and_goes_back(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    bench.built(TWO)
    release = await bench.asks(TWO, digest=digest_of(bench.artefacts / "shop-2.zip"))
    assert release.state is State.AWAITING_APPROVAL, release.reason
    assert release.facts.schema is not None
    assert release.facts.schema.pending == ("002",)
    assert bench.schema() == ["001", "002"]
    assert await bench.answer() == (200, "1"), "production runs the old code on the new schema"
    assert release.facts.production_tested == "well"
    live = await bench.decided(release)
    assert live.state is State.LIVE, live.reason
    assert await bench.answer() == (200, "2")
    assert live.facts.probe is not None
    assert live.facts.probe.failed == 0
    acts = [act for act in bench.asked_of_azure() if not act.endswith(".ghostbot.json")]
    assert acts == ["POST stop", "POST zipdeploy", "POST start", "POST applySlotConfig", "POST slotsswap"]
    assert not (bench.wwwroot() / "migrations").exists()
    assert PASSWORD not in bench.everything_kept()

    back = await bench.releases.roll_back("shop", "ann", "C1")
    back = await bench.decided(await bench.stands(back, State.AWAITING_APPROVAL))
    assert back.state is State.ROLLED_BACK, back.reason
    assert await bench.answer() == (200, "1")
    assert bench.schema() == ["001", "002"], "the database stays where it is"


@pytest.mark.story
async def test_visitors_are_routed_back_before_staging_stops_and_the_warm_up_is_asked(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    rule = {"actionHostName": "x", "reroutePercentage": 20, "name": "staging"}
    bench.runtime.production.record.web["experiments"] = {"rampUpRules": [rule]}
    release = await bench.asks(TWO)
    assert release.state is State.AWAITING_APPROVAL, release.reason
    acts = bench.asked_of_azure()
    assert acts.index("PATCH web") < acts.index("POST stop") < acts.index("POST zipdeploy")
    assert "traffic routing cleared (20 % to staging)" in release.step(Step.DEPLOY).detail
    assert release.facts.routing_cleared is not None
    assert "--distribution staging=20" in release.facts.routing_cleared.again
    # Nothing says what counts as warm, so Azure would take anything: asked of both slots, and no release ends of it.
    assert len(release.facts.warm_up) == 2
    assert all("takes any answer for warm" in told for told in release.facts.warm_up)
    await bench.decided(release, Verdict.REJECTED)


@pytest.mark.story
async def test_asked_first_nothing_is_migrated_before_the_yes(bench: Bench) -> None:
    bench.configure(asks_first=True)
    await bench.opens(ONE)
    asked = await bench.asks(TWO)
    assert asked.state is State.AWAITING_APPROVAL, asked.reason
    assert asked.facts.pending == ("002",)
    assert bench.schema() == ["001"]
    assert not await bench.running()
    with pytest.raises(UnfinishedThere):
        await refuse_unfinished(bench.site)
    live = await bench.decided(asked)
    assert live.state is State.LIVE, live.reason
    assert bench.schema() == ["001", "002"]
    assert await bench.answer() == (200, "2")
    order = [record.step for record in sorted(live.steps, key=lambda record: str(record.started_at))]
    assert order.index(Step.RECHECK) < order.index(Step.MIGRATE_SHARED) < order.index(Step.TEST_PRODUCTION)
    assert order.index(Step.TEST_PRODUCTION) < order.index(Step.START) < order.index(Step.SWAP)


@pytest.mark.story
async def test_production_that_cannot_live_with_the_schema_stops_it_loudly_and_down_is_the_way_out(
    bench: Bench,
) -> None:
    bench.configure()
    fragile = replace(ONE, refuses=("666",))
    await bench.opens(fragile)
    failed = await bench.asks(BAD)
    assert failed.state is State.FAILED
    assert str(failed.reason).startswith("PRODUCTION IS NOT WELL")
    assert "/ghost undo-migration shop" in str(failed.remedy)
    assert failed.step(Step.START).state is StepState.PENDING
    assert "POST slotsswap" not in bench.asked_of_azure()
    assert (await bench.answer())[0] == 500
    undone = await bench.stands(await bench.releases.undo_migration("shop", "ben", "C1"))
    assert undone.state is State.MIGRATED_DOWN, undone.reason
    assert bench.schema() == ["001"]
    assert await bench.answer() == (200, "1")
    with pytest.raises(NothingToUndo):
        await bench.releases.undo_migration("shop", "ben", "C1")


async def test_a_migration_that_fails_is_told_with_its_last_words_and_without_the_secret(
    bench: Bench,
) -> None:
    bench.configure()
    await bench.opens(ONE)
    broken = Build("4", steps={"001": ":", "002": "echo the disk of $DATABASE_URL is full; exit 7"})
    failed = await bench.asks(broken)
    assert failed.state is State.FAILED
    assert "exit code 7" in str(failed.reason)
    assert "the disk of [hidden] is full" in str(failed.reason)
    log = bench.folder / "bot" / "migrations" / f"{failed.id}.log"
    assert "applying 002" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    assert await bench.answer() == (200, "1")
    assert PASSWORD not in bench.everything_kept()
    assert PASSWORD.replace("&", "%26") not in bench.everything_kept()


async def test_every_step_twice_is_the_same_as_once(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    release = await bench.records.create(
        Kind.DEPLOY, "shop", "ann", "C1", facts={"artefact_asked": ArtefactAsked(bench.built(TWO))}
    )
    steps, staging, promoting = bench.stages.deploying, bench.stages.staging, bench.stages.promoting
    for act in (
        steps.preflight,
        steps.fetch,
        steps.deploy,
        steps.list_pending,
        steps.migrate,
        steps.test_production,
        steps.start,
        steps.smoke_test,
        staging.ask,
    ):
        await act(release.id)
        await act(release.id)
    assert bench.schema() == ["001", "002"]
    approval = await bench.records.approval_of(release.id)
    assert approval is not None
    await bench.records.decide(approval.id, Verdict.APPROVED, "ben")
    for again in (promoting.recheck, steps.note_production, promoting.put_live):
        await again(release.id)
        await again(release.id)
    assert await bench.answer() == (200, "2")
    assert bench.asked_of_azure().count("POST slotsswap") == 1
    for late in (steps.migrate, steps.test_production, steps.start, steps.smoke_test):
        await late(release.id)  # a restart after the swap changes nothing any more
    assert await bench.answer() == (200, "2")
    await bench.records.move(release.id, State.LIVE)


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("nothing.zip", {"server.js": ""}, "has no migrations"),
        ("only.zip", {"migrations/migrate.sh": ""}, "no files of a site"),
        ("../outside.zip", {}, "no dots"),
    ],
)
async def test_an_artefact_that_is_none_is_refused_before_anything_changes(
    bench: Bench, name: str, files: dict[str, str], said: str
) -> None:
    bench.configure()
    await bench.opens(ONE)
    if files:
        zipped(bench.artefacts / name, files)
    try:
        refused = await bench.stands(await bench.releases.deploy("shop", name, None, "ann", "C1"))
        told = str(refused.reason)
        assert refused.state is State.FAILED
    except ReleaseError as error:
        told = str(error)
    assert said in told
    assert bench.asked_of_azure() == []


async def test_an_artefact_of_another_digest_is_refused(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    refused = await bench.asks(TWO, digest="0" * 64)
    assert refused.state is State.FAILED
    assert "not what it should be" in str(refused.reason)
    assert bench.asked_of_azure() == []
    (bench.artefacts / "shop-2.zip.sha256").write_text(f"{'1' * 64}  shop-2.zip\n")
    refused = await bench.asks(TWO)
    assert "expected was 111111111111" in str(refused.reason)
    (bench.artefacts / "shop-2.zip.sha256").unlink()


async def test_the_commands_environment_holds_nothing_of_the_bots(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-not-for-them")
    bench.configure()
    await bench.opens(ONE)
    asked = await bench.asks(TWO)
    log = (bench.folder / "bot" / "migrations" / f"{asked.id}.log").read_text()
    assert "HOME=" in log
    assert "GHOSTBOT" not in log
    assert "IDENTITY_HEADER" not in log
    await bench.decided(asked, Verdict.REJECTED)
