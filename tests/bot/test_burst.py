"""Commands that come at once: acknowledged all, then done."""

import asyncio

from bot.listeners import AT_MOST_SECONDS, QUIET_SECONDS, Burst


async def test_the_first_waits_for_the_last_of_a_burst_and_nobody_for_ever() -> None:
    burst, order = Burst(), list[str]()

    async def command(name: str) -> None:
        order.append(f"{name} acknowledged")
        await burst.is_over()
        order.append(f"{name} begins")

    commands = []
    for number in range(5):
        commands.append(asyncio.create_task(command(str(number))))
        await asyncio.sleep(QUIET_SECONDS / 8)
    await asyncio.gather(*commands)
    assert [one for one in order if "acknowledged" in one] == order[:5]

    first = asyncio.create_task(burst.is_over())
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not first.done():  # others come without end
        others = asyncio.create_task(burst.is_over())
        await asyncio.sleep(QUIET_SECONDS / 4)
        assert loop.time() - began < AT_MOST_SECONDS + 5
    await others
