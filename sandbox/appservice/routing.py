"""A table of routes matched without regard to case, as ARM and Kudu match theirs (aiohttp's router minds case)."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiohttp import web

Target = TypeVar("Target")
Handler = Callable[[Target, web.Request, dict[str, str]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route(Generic[Target]):
    """One method and path. `{name}` matches one segment, `{name:path}` all the rest."""

    method: str
    path: str
    handler: Handler[Target]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression."""
        with_rest = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.*)", re.escape(self.path))
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", with_rest), re.IGNORECASE)


class Routes(Generic[Target]):
    """Finds the handler of a request."""

    def __init__(self, routes: Sequence[Route[Target]]) -> None:
        self._routes = [(route.method, route.pattern, route.handler) for route in routes]

    def find(self, method: str, path: str) -> tuple[Handler[Target], dict[str, str]] | None:
        """The handler and the path's variables; None if nothing matches path and method."""
        for verb, pattern, handler in self._routes:
            match = pattern.fullmatch(path) if verb == method else None
            if match:
                return handler, match.groupdict()
        return None

    def knows(self, path: str) -> bool:
        """Some method is served on this path: the answer is 405, not 404."""
        return any(pattern.fullmatch(path) for _, pattern, _ in self._routes)
