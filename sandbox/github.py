"""The releases of a repository, told as GitHub's REST API tells them to who is not signed in.

As strict as GitHub (docs.github.com, REST API, "Rate limits for the REST API" and "Getting started"): no User-Agent
is refused, 60 requests an hour and then 403 until x-ratelimit-reset, and what is not there counts as well.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import hdrs, web

Json = dict[str, Any]  # Any: JSON

HOUR = 3600
REPOSITORY = "TryGhost/Ghost"
NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.\r\n"
)
DOCUMENTATION = "https://docs.github.com/rest/releases/releases#get-a-release-by-tag-name"
LIMITS = (
    "https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting"  # as in its own answers
)
SPOKEN = ("application/json", "application/vnd.github", "application/*", "*/*")


@dataclass
class Fault:
    """What the next `count` requests for `tag` (None: for any) meet: a `status` with `headers` and `text`, a pause of
    `hang` seconds before the answer, or (`drop`) a connection that is closed without one."""

    count: int = 1
    tag: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    hang: float = 0
    drop: bool = False


class LocalGitHub:
    """A running local GitHub. `as_json` says how to reach it, `stop` ends it."""

    def __init__(self) -> None:
        self.url = ""
        self._releases: dict[tuple[str, str], Json] = {}
        self._limit = 60
        self._used = 0
        self._reset = 0.0
        self._faults: list[Fault] = []
        self._asked: list[Json] = []
        self._runner: web.AppRunner | None = None

    def as_json(self) -> Json:
        """Its addresses: the API's, and the one that tests disturb it through."""
        return {"api": self.url, "control": f"{self.url}/_sandbox/"}

    async def listen(self, host: str, port: int) -> None:
        """Answer on this port; 0 takes a free one. Raises OSError when it is taken."""
        application = web.Application()
        application.add_routes(
            [
                web.put("/_sandbox/releases/{tag}", self._publish),
                web.delete("/_sandbox/releases/{tag}", self._withdraw),
                web.put("/_sandbox/limit", self._set_limit),
                web.post("/_sandbox/faults", self._add_fault),
                web.delete("/_sandbox/faults", self._clear_faults),
                web.get("/_sandbox/requests", self._requests),
                web.route("*", "/{path:.*}", self._answer),
            ]
        )
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        reached = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
        self.url = f"http://{reached}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Nothing listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()

    # -- the API ----------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        tag = request.path.rpartition("/")[2]
        fault = self._next_fault(tag)
        if fault is not None and fault.hang:
            await asyncio.sleep(fault.hang)
        if fault is not None and fault.drop:
            if request.transport is not None:
                request.transport.close()
            raise asyncio.CancelledError
        answer = self._of_fault(fault) if fault is not None and fault.status else self._told(request)
        self._asked.append({"method": request.method, "path": request.path, "status": answer.status})
        return answer

    def _told(self, request: web.Request) -> web.Response:
        if not request.headers.get(hdrs.USER_AGENT):
            return web.Response(status=403, text=NO_USER_AGENT)
        over = self._count()
        if over:
            where = request.remote or "127.0.0.1"
            text = f"API rate limit exceeded for {where}. (But here's the good news: Authenticated requests get a "
            return self._json(
                403,
                {
                    "message": f"{text}higher rate limit. Check out the documentation for more details.)",
                    "documentation_url": LIMITS,
                },
            )
        if not any(kind in request.headers.get(hdrs.ACCEPT, "*/*") for kind in SPOKEN):
            told = {"message": "Unsupported 'Accept' header: Must accept 'application/json'."}
            return self._json(415, {**told, "documentation_url": DOCUMENTATION, "status": "415"})
        release = self._found(request)
        if release is None:
            return self._json(
                404, {"message": "Not Found", "documentation_url": DOCUMENTATION, "status": "404"}
            )
        return self._json(200, release)

    def _found(self, request: web.Request) -> Json | None:
        parts = request.path.strip("/").split("/")
        if request.method not in ("GET", "HEAD") or len(parts) != 6 or parts[0] != "repos":
            return None
        _, owner, repository, releases, tags, tag = parts
        if (releases, tags) != ("releases", "tags"):
            return None
        return self._releases.get((f"{owner}/{repository}".lower(), tag))

    def _count(self) -> bool:
        """Whether this request is one too many."""
        if time.time() >= self._reset:
            self._reset, self._used = time.time() + HOUR, 0
        over = self._used >= self._limit
        self._used = min(self._used + 1, self._limit)
        return over

    def _json(self, status: int, told: Json) -> web.Response:
        headers = {
            "x-github-media-type": "github.v3; format=json",
            "x-ratelimit-limit": str(self._limit),
            "x-ratelimit-remaining": str(self._limit - self._used),
            "x-ratelimit-used": str(self._used),
            "x-ratelimit-reset": str(int(self._reset)),
            "x-ratelimit-resource": "core",
        }
        return web.json_response(told, status=status, headers=headers)

    def _next_fault(self, tag: str) -> Fault | None:
        for fault in self._faults:
            if fault.tag in (None, tag):
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    def _of_fault(self, fault: Fault) -> web.Response:
        return web.Response(status=fault.status or 500, headers=fault.headers, text=fault.text)

    # -- control ----------------------------------------------------------------------------------

    async def _publish(self, request: web.Request) -> web.Response:
        """PUT releases/{tag} {"body", "repository"?, "published_at"?}."""
        tag, wish = request.match_info["tag"], await request.json()
        repository = str(wish.get("repository", REPOSITORY))
        at = wish.get("published_at") or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._releases[(repository.lower(), tag)] = {
            "url": f"{self.url}/repos/{repository}/releases/{len(self._releases) + 1}",
            "html_url": f"https://github.com/{repository}/releases/tag/{tag}",
            "id": len(self._releases) + 1,
            "tag_name": tag,
            "target_commitish": "main",
            "name": tag.removeprefix("v"),
            "draft": False,
            "prerelease": False,
            "created_at": at,
            "published_at": at,
            "assets": [],
            "body": wish["body"],
        }
        return web.json_response({"ok": True})

    async def _withdraw(self, request: web.Request) -> web.Response:
        tag = request.match_info["tag"]
        self._releases = {key: told for key, told in self._releases.items() if key[1] != tag}
        return web.json_response({"ok": True})

    async def _set_limit(self, request: web.Request) -> web.Response:
        """PUT limit {"requests"}: so many an hour, counted from now."""
        self._limit, self._used = int((await request.json())["requests"]), 0
        self._reset = time.time() + HOUR
        return web.json_response({"ok": True})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            self._faults.append(Fault(**await request.json()))
        except TypeError as error:
            return web.json_response({"ok": False, "problem": f"Not a fault: {error}"}, status=400)
        return web.json_response({"ok": True})

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({"ok": True})

    async def _requests(self, _request: web.Request) -> web.Response:
        return web.json_response({"requests": self._asked})


async def start(host: str = "127.0.0.1", port: int = 0) -> LocalGitHub:
    """Start a local GitHub without any release; port 0 takes a free one. Raises OSError when the port is taken."""
    github = LocalGitHub()
    await github.listen(host, port)
    return github
