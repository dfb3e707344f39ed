"""The way to and from SCM, as wide and as long as it is told to be: on one machine it would be neither."""

import asyncio

# A sleep shorter than this takes longer than it should; small pieces are waited for together.
_SHORTEST = 0.005


class Line:
    """One direction, shared by all who use it: what goes over it takes its turn."""

    def __init__(self, bytes_a_second: float) -> None:
        self._rate = bytes_a_second
        self._free_at = 0.0

    async def carry(self, size: int) -> None:
        """Return when so many bytes are through; at once where the line has no limit (0)."""
        if not self._rate:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + size / self._rate
        if self._free_at - now > _SHORTEST:
            await asyncio.sleep(self._free_at - now)
