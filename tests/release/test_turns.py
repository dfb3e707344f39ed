"""Turns at the processors: so many at once, the next one says that it waits, and who gives up is passed over."""

import asyncio

import pytest

from release.journal import Journal, Words
from release.model import Kind, Step
from release.records import Records
from release.turns import WAITS, Turns


async def words_of(records: Records, site: str) -> Words:
    release = await records.create(Kind.UPGRADE, site, "ann", "C1", version="6.4.0")
    await records.begin_step(release.id, Step.MIGRATE)
    return Words(Journal(records, release.id), Step.MIGRATE)


async def test_one_waits_says_so_and_begins_when_the_other_is_done(records: Records) -> None:
    turns = Turns(1)
    first, second, third = [await words_of(records, site) for site in ("one", "two", "three")]
    begun: list[Words] = []

    async def work(words: Words) -> None:
        async with turns.turn(words):
            begun.append(words)

    async with turns.turn(first):
        waiting = [asyncio.create_task(work(words)) for words in (second, third)]
        while third.text != WAITS:  # noqa: ASYNC110 - what it says is what people see
            await asyncio.sleep(0.01)
        assert (first.text, second.text, begun) == ("", WAITS, [])
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
    await waiting[1]
    assert begun == [third]
