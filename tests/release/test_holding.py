"""Who holds a release acts and writes for it; a former holder that wakes up does neither."""

import ast
import asyncio
import contextvars
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.identity.aio import DefaultAzureCredential

from release import workflows
from release.azure.arm import arm_client
from release.holding import GOOD_FOR, Fence, TakenOver, held, holding
from release.journal import Journal
from release.model import Kind, Release, State, Step, StepState
from release.records import Records, open_records
from release.shapes import GHOST_ON_SQLITE
from release.site import PRODUCTION, Site
from tests.release.conftest import CONFIG, Cloud


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Records]:
    with closing(open_records(f"sqlite:///{tmp_path}/bot.db")) as records:
        await records.enlist("one")
        yield records


@pytest.fixture
async def other(tmp_path: Path, one: Records) -> AsyncIterator[Records]:
    with closing(open_records(f"sqlite:///{tmp_path}/bot.db")) as records:
        await records.enlist("other")
        yield records


@pytest.fixture
async def release(one: Records) -> Release:
    return await one.create(Kind.UPGRADE, "blog", "ann", "C1", version="6.4.0")


async def test_the_release_names_who_holds_it(one: Records, other: Records, release: Release) -> None:
    for records, name in ((one, "one"), (other, "other")):
        async with holding(records, release.id):
            assert (await one.release(release.id)).holder == name
            await Journal(records, release.id).records.note(release.id, warnings=(name,))
    assert held() is None
    assert set(await one.replicas_present()) == {"one", "other"}


async def test_a_former_holder_writes_nothing_and_no_step_takes_that_for_a_failure(
    one: Records, other: Records, release: Release
) -> None:
    seen: list[Release] = []

    async def taken_over_in_mid_swap() -> None:
        async with holding(one, release.id), Journal(one, release.id).step(Step.SWAP) as words:
            await elsewhere(other.bury("one"))
            await elsewhere(other.hold(release.id))
            seen.append(await other.release(release.id))
            for write in (
                one.note(release.id, swap_token="t"),
                one.move(release.id, State.LIVE),
                one.say(release.id, Step.SWAP, "60 s"),
                one.audit_release(release.id, "swap", "asked of Azure"),
            ):
                with pytest.raises(TakenOver):
                    await write
            words.text = "swapped in 60 s"

    with pytest.raises(TakenOver):
        await taken_over_in_mid_swap()
    now = await other.release(release.id)
    assert [now] == seen
    assert (now.holder, now.step(Step.SWAP).state) == ("other", StepState.RUNNING)
    told = [entry.deed for entry in await other.audited() if entry.deed.release == release.id]
    assert (told[0].what, told[0].outcome) == ("take over", "from one, which is gone")


async def elsewhere(work: Coroutine[Any, Any, object]) -> None:
    """As another process would: it acts for nothing that this task holds."""
    await asyncio.create_task(work, context=contextvars.Context())


async def test_who_was_declared_gone_takes_nothing_back_and_decides_nothing(
    one: Records, other: Records, release: Release
) -> None:
    await other.bury("one")
    with pytest.raises(TakenOver):
        await one.hold(release.id)
    with pytest.raises(TakenOver):
        await one.ask_cancel(release.id, "ann")
    with pytest.raises(TakenOver):
        await one.may_act()
    assert (await other.release(release.id)).cancel_asked_by is None
    await other.may_act()


class Clock:
    """Each look at it is later by the next of `steps`."""

    def __init__(self, *steps: float) -> None:
        self._steps: Iterator[float] = iter(steps)
        self._now = 0.0

    def __call__(self) -> float:
        self._now += next(self._steps)
        return self._now


async def test_an_answer_that_was_slept_over_is_asked_for_again(
    one: Records, other: Records, release: Release
) -> None:
    class Slow:
        """The records of a process that is frozen after it has read them."""

        asked = 0

        async def hold(self, release_id: str) -> None:
            raise NotImplementedError

        async def may_act(self) -> None:
            self.asked += 1
            await one.may_act()
            await other.bury("one")

    slow = Slow()
    with pytest.raises(TakenOver):
        await Fence(slow, Clock(0, GOOD_FOR + 1, 0, 0))()  # type: ignore[arg-type]  # its hold is not asked for
    assert slow.asked == 2
    await Fence(other, Clock(0, GOOD_FOR / 2))()


async def test_nothing_that_acts_reaches_azure_from_a_former_holder(
    laid_out: Cloud, one: Records, other: Records, release: Release
) -> None:
    told = laid_out.told
    fence = Fence(one)

    async def fenced(request: httpx.Request) -> None:
        if request.method != "GET":
            await fence()

    async with (
        DefaultAzureCredential() as credential,
        arm_client(credential, told["subscription"], told["arm"], 0.05, before_acting=fence) as client,
        httpx.AsyncClient(event_hooks={"request": [fenced]}) as http,
        holding(one, release.id),
    ):
        site = Site(replace(CONFIG), GHOST_ON_SQLITE, client, credential, http, http, "http")
        await site.app.start(site.staging)
        await elsewhere(other.bury("one"))
        tokens: list[str | None] = []

        async def keep(token: str | None) -> None:
            tokens.append(token)

        kudu = await site.kudu(site.staging)
        for act in (
            site.app.swap(None, keep, 5),
            site.app.preview(),
            site.app.start(PRODUCTION),
            site.app.stop(site.staging),
            site.app.write_settings(site.staging, {}),
            kudu.write("site/wwwroot/x", b"x"),
        ):
            with pytest.raises(TakenOver):
                await act
        assert (await site.app.slot(PRODUCTION)).name == PRODUCTION  # looking is not acting
    assert await laid_out.asked("/slotsswap") == 0
    assert await laid_out.asked("/applySlotConfig") == 0
    assert not (laid_out.wwwroot("staging") / "x").exists()


def test_every_workflow_runs_inside_a_hold() -> None:
    """Whoever adds one and forgets `of_a_release` would act unfenced."""
    written = ast.parse(Path(workflows.__file__).read_text())
    of_all = next(one for one in written.body if isinstance(one, ast.ClassDef) and one.name == "Workflows")
    routines = [one for one in of_all.body if isinstance(one, ast.AsyncFunctionDef)]
    assert len(routines) > 20
    for one in routines:
        assert ast.unparse(one.decorator_list[0]) == "of_a_release", one.name
