"""Two and three bots on one PostgreSQL: killed, frozen and cut off, they finish each release with one swap."""

import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, create_engine, text

from release.model import Release, State, Step, StepState
from release.records.opening import driven
from release.replicas import FROZEN_SECONDS
from tests.postgres import Postgres, a_postgres
from tests.stories.newer import use
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [
    pytest.mark.story,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]

Tell = Callable[[str], None]

BOTS = ("first", "second")
SITES = ("reading", "writing", "swapping", "before", "during", "cut", "one", "two", "three")
UPDATED = ("together", "rolling")
# With the machine busy; printed is what it took.
SECONDS_TO_TAKE_OVER = 10


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_postgres() as postgres:
        yield postgres


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, postgres: Postgres
) -> AsyncIterator[Team]:
    folder = tmp_path_factory.mktemp("replicas")
    (folder / "third").mkdir()
    (folder / "third" / "backups").symlink_to(folder / "backups")
    async with a_team(folder, cache, (*SITES, *UPDATED), database_url=postgres.url, bots=BOTS) as team:
        yield team


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Figures for whoever reads the run of the tests."""

    def tell(words: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {words}\n")

    return tell


async def holder_of(team: Team, site: str, bots: tuple[str, ...] = BOTS) -> str:
    """Which bot works on the site's release."""
    holder = (await team.last(site)).holder
    found = [bot for bot in bots if f"-{team.world.process_of(bot)}-" in str(holder)]
    assert found, f"{holder} is none of the bots"
    return found[0]


async def until(condition: Callable[[], Awaitable[object]], what: str, seconds: float) -> float:
    """Wait for it; the seconds it took."""
    started = time.monotonic()
    while not await condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} seconds: {what}"
        await asyncio.sleep(0.05)
    return time.monotonic() - started


async def taken_over(team: Team, site: str, before: Release, seconds: float) -> float:
    """Wait until another replica holds the release of the site; the seconds it took."""

    async def by_another() -> bool:
        return (await team.last(site)).holder not in (None, before.holder)

    return await until(by_another, f"{site} is taken over", seconds)


async def all_is_told(team: Team) -> bool:
    return not await team.records.releases_to_tell()


async def told_once(team: Team, site: str) -> None:
    """The thread ends with the truth, said once."""
    await team.sees("ann", f"{site} is live on {NEWEST}")
    said = [message["plain"] for message in await team.world.messages("ann", "releases")]
    results = [words for words in said if f"{site} is live on" in words]
    assert len(results) == 1, results
    assert (await team.last(site)).state is State.LIVE


def logs(team: Team) -> str:
    return "\n".join(path.read_text() for path in sorted(team.world.folder.glob("*.log")))


@pytest.mark.parametrize(("site", "step"), [("reading", "back_up"), ("writing", "deploy")])
async def test_one_is_killed_while_it_stages_and_the_other_goes_on(
    team: Team, tell: Tell, site: str, step: str
) -> None:
    await team.has_site(site)
    await team.types("ann", f"/ghost upgrade {NEWEST} {site}")
    await team.is_at(site, step)
    before, killed = await team.last(site), await holder_of(team, site)
    await team.world.kill_bot(killed)
    tell(
        f"killed at {step}: taken over after {await taken_over(team, site, before, SECONDS_TO_TAKE_OVER):.1f} s"
    )
    await team.reaches(site, State.AWAITING_APPROVAL)
    assert await team.world.version(site) == OLDER
    await team.world.start_bot(killed)
    await team.clicks("ben", await team.card(site), "Approve")
    await team.reaches(site, State.LIVE)
    assert await team.world.swaps(site) == 1
    await told_once(team, site)


async def test_one_is_killed_while_azure_swaps_and_the_other_waits_for_the_same_swap(
    team: Team, tell: Tell
) -> None:
    await team.has_site("swapping")
    await team.clicks("ben", await team.ask_for_approval("swapping"), "Approve")
    await team.is_at("swapping", "swap")
    await team.has_asked_for_a_swap("swapping")
    before, killed = await team.last("swapping"), await holder_of(team, "swapping")
    await team.world.kill_bot(killed)
    tell(f"killed while swapping: {await taken_over(team, 'swapping', before, SECONDS_TO_TAKE_OVER):.1f} s")
    await team.reaches("swapping", State.LIVE)
    assert await team.world.swaps("swapping") == 1
    await told_once(team, "swapping")
    await team.world.start_bot(killed)


GATE = 4242
"""An advisory lock: while the test holds it, nobody writes down that a swap is about to be asked for."""
CLOSE_GATE = f"""
CREATE OR REPLACE FUNCTION gate() RETURNS trigger AS $$
BEGIN
    IF NEW.name = 'swap_token' THEN PERFORM pg_advisory_xact_lock({GATE}); END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON facts FOR EACH ROW EXECUTE FUNCTION gate();
"""


@contextmanager
def a_gate_before_the_swap(postgres: Postgres) -> Iterator[Connection]:
    """Whoever is about to ask for a swap waits until the connection is closed, at the latest at the end."""
    engine = create_engine(driven(postgres.url), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(CLOSE_GATE))
            connection.execute(text(f"SELECT pg_advisory_lock({GATE})"))
            yield connection
        with engine.connect() as connection:
            connection.execute(text("DROP TRIGGER gate ON facts"))
    finally:
        engine.dispose()


async def wakes_up_to_nothing(team: Team, frozen: str, site: str) -> None:
    """The frozen bot wakes up, ends by itself, and what the other one did stays as it was."""

    await until(lambda: all_is_told(team), "the other one tells how it ended", 30)
    release, said = await team.last(site), await team.told("ann")
    team.world.wake_bot(frozen)
    assert await team.world.bot_ends(frozen, 10) == 1
    again = await team.last(site)
    assert (again.state, again.holder, again.steps) == (release.state, release.holder, release.steps)
    assert await team.world.swaps(site) == 1
    assert await team.world.version(site) == NEWEST
    assert await team.told("ann") == said
    await told_once(team, site)
    await team.world.start_bot(frozen)


async def test_frozen_right_before_it_asks_for_the_swap_it_asks_for_nothing_when_it_wakes_up(
    team: Team, postgres: Postgres, tell: Tell
) -> None:
    await team.has_site("before")
    card = await team.ask_for_approval("before")
    with a_gate_before_the_swap(postgres) as gate:
        waits = text("SELECT count(*) FROM pg_locks WHERE objid = :gate AND NOT granted")

        async def somebody_waits() -> bool:
            return bool(gate.execute(waits, {"gate": GATE}).scalar())

        await team.clicks("ben", card, "Approve")
        await until(somebody_waits, "a swap is about to be asked for", 60)
        before, frozen = await team.last("before"), await holder_of(team, "before")
        team.world.freeze_bot(frozen)
        gate.execute(text(f"SELECT pg_advisory_unlock({GATE})"))
    assert await team.world.swaps("before") == 0
    assert (await team.last("before")).facts.swap_token is None
    tell(f"frozen before the swap: {await taken_over(team, 'before', before, 3 * FROZEN_SECONDS):.1f} s")
    await team.reaches("before", State.LIVE)
    await wakes_up_to_nothing(team, frozen, "before")


async def test_frozen_while_azure_swaps_it_neither_verifies_nor_tells_when_it_wakes_up(
    team: Team, tell: Tell
) -> None:
    await team.has_site("during")
    await team.clicks("ben", await team.ask_for_approval("during"), "Approve")
    await team.is_at("during", "swap")
    await team.has_asked_for_a_swap("during")
    before, frozen = await team.last("during"), await holder_of(team, "during")
    team.world.freeze_bot(frozen)
    tell(f"frozen while swapping: {await taken_over(team, 'during', before, 3 * FROZEN_SECONDS):.1f} s")
    await team.reaches("during", State.LIVE)
    await wakes_up_to_nothing(team, frozen, "during")


async def test_the_database_restarts_in_mid_swap_and_the_bots_end_and_go_on(
    team: Team, postgres: Postgres
) -> None:
    await team.has_site("cut")
    await team.clicks("ben", await team.ask_for_approval("cut"), "Approve")
    await team.has_asked_for_a_swap("cut", seconds=60)
    await asyncio.to_thread(postgres.stop, "fast")
    codes = await asyncio.gather(*(team.world.bot_ends(bot, 10) for bot in BOTS))
    assert codes == [1, 1]
    await asyncio.to_thread(postgres.start)
    await asyncio.gather(*(team.world.start_bot(bot) for bot in BOTS))
    await team.reaches("cut", State.LIVE)
    assert await team.world.swaps("cut") == 1
    await told_once(team, "cut")


async def test_three_share_the_releases_of_three_sites(team: Team, tell: Tell) -> None:
    await team.world.start_bot("third")
    sites = ("one", "two", "three")
    holders = set()
    for site in sites:
        await team.has_site(site)
        await team.types("ann", f"/ghost upgrade {NEWEST} {site}")
    for site in sites:
        staged = await team.reaches(site, State.AWAITING_APPROVAL, seconds=120)
        holders.add(staged.holder)
        await team.clicks("ben", await team.card(site), "Approve")
    for site in sites:
        live = await team.reaches(site, State.LIVE, seconds=120)
        holders.add(live.holder)
        assert all(live.step(step).state is StepState.DONE for step in (Step.SWAP, Step.VERIFY))
        assert await team.world.swaps(site) == 1
        await told_once(team, site)
    tell(f"three sites, six pieces of work, done by {len(holders)} of three replicas")
    assert len(holders) > 1


async def test_what_is_asked_for_at_once_is_shared_by_all_three(team: Team, tell: Tell) -> None:
    before = {site: await team.last(site) for site in SITES}
    await asyncio.gather(*(team.types("ann", f"/ghost backup {site}") for site in SITES))
    done = [await team.reaches(site, State.BACKED_UP, after=before[site]) for site in SITES]
    each = Counter(release.holder for release in done)
    tell(
        f"{len(SITES)} pieces of work at once, done by {len(each)} of three replicas: {sorted(each.values())}"
    )
    assert len(each) == 3
    await until(lambda: all_is_told(team), "a channel takes a post a second, and these are three each", 60)


async def are_back(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next story begins with the bots of today."""
    monkeypatch.undo()
    await asyncio.gather(*(team.world.stop_bot(bot) for bot in BOTS))
    await asyncio.gather(*(team.world.start_bot(bot) for bot in BOTS))


async def test_all_are_updated_while_azure_swaps_and_the_newer_ones_wait_for_the_same_swap(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await team.world.stop_bot("third")
    await team.has_site("together")
    await team.clicks("ben", await team.ask_for_approval("together"), "Approve")
    await team.is_at("together", "swap")
    await team.has_asked_for_a_swap("together")
    await asyncio.gather(*(team.world.kill_bot(bot) for bot in BOTS))
    use(newer, monkeypatch)
    await asyncio.gather(*(team.world.start_bot(bot) for bot in BOTS))
    await team.reaches("together", State.LIVE)
    assert await team.world.version("together") == NEWEST
    assert await team.world.swaps("together") == 1
    await told_once(team, "together")
    assert "work that another version of the bot had begun begins anew" in logs(team)
    await are_back(team, monkeypatch)


async def test_updated_one_after_the_other_the_newer_one_begins_anew_what_the_older_one_left(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await team.has_site("rolling")
    # The note that staging is unfinished is there, and no answer comes.
    note = {"host": "scm", "slot": "rolling/staging", "method": "PUT", "path": r"/\.ghostbot\.json"}
    await team.azure_answers(**note, hang=60, after=True)
    await team.types("ann", f"/ghost upgrade {NEWEST} rolling")

    async def hangs() -> bool:
        return not await team.azure_waits_to_disturb()

    await until(hangs, "it deploys", 60)
    older = await holder_of(team, "rolling")
    updated = next(bot for bot in BOTS if bot != older)
    await team.world.stop_bot(updated)
    use(newer, monkeypatch)
    await team.world.start_bot(updated)
    await team.world.kill_bot(older)
    await team.reaches("rolling", State.AWAITING_APPROVAL)
    assert await holder_of(team, "rolling", (updated,)) == updated
    await team.clicks("ben", await team.card("rolling"), "Approve")
    await team.reaches("rolling", State.LIVE)
    assert await team.world.swaps("rolling") == 1
    await told_once(team, "rolling")
    await are_back(team, monkeypatch)


async def test_nothing_of_all_this_is_a_defect(team: Team) -> None:
    # The engine's own threads say at length that PostgreSQL is away while it restarts, before their bot ends.
    entries = re.split(r"\n(?=\d{4}-\d\d-\d\d )", logs(team))
    told = "\n".join(entry for entry in entries if " WARNING dbos: " not in entry[:60])
    assert "Traceback" not in told, re.search(r"(?s)Traceback.{0,3000}", told)
    assert "the database is lost, so other replicas take over" in told
