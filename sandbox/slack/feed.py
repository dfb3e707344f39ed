"""What happens in the workspace, as a stream: the page, terminals and waiting tests follow it."""

import asyncio
from collections import deque
from collections.abc import Callable

from sandbox.slack.shapes import Json

KEPT = 1_000  # happenings kept for followers who reconnect


class Feed:
    """Numbered happenings; each is shown to everyone or to the people named in its audience."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, frozenset[str] | None, Json]] = deque(maxlen=KEPT)
        self._number = 0
        self._changed = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest happening; 0 when nothing has happened."""
        return self._number

    def tell(self, kind: str, audience: frozenset[str] | None = None, **details: object) -> None:
        """Add a happening. ``audience`` None means everyone."""
        self._number += 1
        self._kept.append((self._number, audience, {"id": self._number, "type": kind, **details}))
        self._changed.set()
        self._changed = asyncio.Event()

    def since(self, number: int, viewer: str | None = None) -> list[Json]:
        """Happenings after ``number`` that ``viewer`` may see; without a viewer, all of them."""
        return [
            happening
            for at, audience, happening in self._kept
            if at > number and (viewer is None or audience is None or viewer in audience)
        ]

    async def wait(self, number: int, seconds: float) -> bool:
        """Wait until something newer than ``number`` happened; False when ``seconds`` passed first."""
        if self._number > number:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def until(self, found: Callable[[], Json | None], seconds: float) -> Json | None:
        """Look after every happening until ``found`` returns something, at most ``seconds``."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            seen = self._number
            result = found()
            left = deadline - asyncio.get_running_loop().time()
            if result is not None or left <= 0:
                return result
            await self.wait(seen, left)
