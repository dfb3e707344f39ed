"""One disk for all sites of a plan: a release that would not fit is stopped before anything is touched."""

import pytest

from release.content import take_stock
from release.room import NotEnoughRoom, in_words, room_on_plan
from tests.release.conftest import Cloud
from tests.release.test_content import write


async def plan_has_room_for(cloud: Cloud, more: int) -> None:
    storage = await cloud.site.app.storage()
    assert storage is not None
    await cloud.control("PUT", "/plan", bytes=storage.used + more)


async def test_what_does_not_fit_is_stopped_and_staging_stays_as_it_is(laid_out: Cloud) -> None:
    write(laid_out, "images/large.png", "x" * 2_000_000)
    await plan_has_room_for(laid_out, 1_000_000)
    with pytest.raises(NotEnoughRoom, match=r"has 0\.0 GB left of .* needs about 0\.0 GB more"):
        await room_on_plan(laid_out.site, await take_stock(laid_out.site, ()))
    assert await laid_out.asked("", "PUT") == 0


async def test_what_fits_is_told_with_what_is_left(laid_out: Cloud) -> None:
    write(laid_out, "images/large.png", "x" * 2_000_000)
    await plan_has_room_for(laid_out, 3_000_000)
    storage = await room_on_plan(laid_out.site, await take_stock(laid_out.site, ()))
    assert storage is not None
    assert storage.free == 3_000_000
    assert in_words(storage).endswith("GB in use on the plan")


async def test_an_empty_staging_slot_needs_room_for_a_whole_ghost(blog: Cloud) -> None:
    await plan_has_room_for(blog, 100_000_000)
    with pytest.raises(
        NotEnoughRoom, match=r"has 0\.1 GB left of 0\.1 GB, and staging needs about 0\.6 GB more"
    ):
        await room_on_plan(blog.site, await take_stock(blog.site, ()))


@pytest.mark.parametrize("status", [403, 404])
async def test_a_plan_that_azure_does_not_tell_of_stops_nothing(laid_out: Cloud, status: int) -> None:
    await laid_out.answers(host="arm", path="/usages", status=status, count=9)
    assert await room_on_plan(laid_out.site, await take_stock(laid_out.site, ())) is None
