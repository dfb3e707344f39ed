"""A slot's SCM site (Kudu): files, zip deployments, WebJobs. Large things are streamed.

Calls that are safe to repeat are repeated while the SCM site recycles (502 and 503 for seconds to
minutes after a settings write); a deployment and a WebJob's run are asked for once.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from release.azure.errors import (
    DeploymentFailed,
    DeploymentStuck,
    FileMissing,
    ScmRefused,
    ScmUnreachable,
    SlotFull,
    TransferBroken,
    WebJobBusy,
    WebJobFailed,
    WebJobMissing,
)

Token = Callable[[], Awaitable[str]]
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_CHUNK = 256 * 1024
_FAILED, _SUCCESS = 3, 4


@dataclass(frozen=True)
class Entry:
    """A file or folder; `path` is relative to the listed folder, `size` in bytes, `mtime` as Kudu writes it."""

    path: str
    size: int
    mtime: str
    is_folder: bool


@dataclass(frozen=True)
class WebJobRun:
    """One run of a triggered WebJob."""

    id: str
    status: str
    start_time: str

    @property
    def ended(self) -> bool:
        return self.status not in ("Initializing", "Running", "PendingRestart")


class Kudu:
    """The SCM site at `url`. `name` is for people; `patience` in seconds bounds waiting for a recycling site."""

    def __init__(
        self, url: str, name: str, token: Token, http: httpx.AsyncClient, patience: float = 90
    ) -> None:
        self.name = name
        self._url = url
        self._token = token
        self._http = http
        self._patience = patience

    # -- calls ------------------------------------------------------------------------------------

    def _vfs(self, path: str) -> str:
        return f"{self._url}/api/vfs/{quote(path)}"

    async def _headers(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self._token()}", **(extra or {})}

    async def _repeatable(self, method: str, url: str, **parts: Any) -> httpx.Response:  # Any: httpx's own
        """Send a request that does no harm when it arrives twice, until it is answered or patience ends."""
        deadline = time.monotonic() + self._patience
        pause = 0.2
        while True:
            response: httpx.Response | None = None
            try:
                headers = await self._headers(parts.get("headers"))
                response = await self._http.request(method, url, **{**parts, "headers": headers})
                if response.status_code not in _PASSING:
                    return self._checked(response, method)
                trouble = f"HTTP {response.status_code}"
            except httpx.HTTPError as error:
                trouble = type(error).__name__
            if response is not None and (wait := response.headers.get("Retry-After", "")).isdigit():
                pause = max(pause, float(wait))
            if time.monotonic() + pause > deadline:
                raise ScmUnreachable(self.name, trouble)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)

    async def _once(self, method: str, url: str, **parts: Any) -> httpx.Response:  # Any: httpx's own
        """Send a request that acts: exactly once."""
        try:
            headers = await self._headers(parts.get("headers"))
            response = await self._http.request(method, url, **{**parts, "headers": headers})
        except httpx.HTTPError as error:
            raise ScmUnreachable(self.name, type(error).__name__) from error
        return self._checked(response, method)

    def _checked(self, response: httpx.Response, method: str) -> httpx.Response:
        if response.status_code in (401, 403):
            raise ScmRefused(self.name, method, f"HTTP {response.status_code}")
        if response.status_code == 507 or (response.status_code >= 400 and "space" in _told(response)):
            raise SlotFull(self.name, _told(response))
        return response

    def _expect(self, response: httpx.Response, what: str, *statuses: int) -> httpx.Response:
        if response.status_code not in statuses:
            raise ScmRefused(self.name, what, f"HTTP {response.status_code} {_told(response)}".strip())
        return response

    async def reachable(self) -> None:
        """Raises ScmUnreachable or ScmRefused; returns when the SCM site answers."""
        self._expect(await self._repeatable("GET", self._vfs("site/")), "listing files", 200, 404)

    # -- files ------------------------------------------------------------------------------------

    async def list(self, folder: str) -> tuple[Entry, ...]:
        """What a folder holds, itself only; nothing when it is missing."""
        response = await self._repeatable("GET", self._vfs(folder.rstrip("/") + "/"))
        if response.status_code == 404:
            return ()
        self._expect(response, f"listing {folder}", 200)
        try:
            return tuple(
                Entry(row["name"], int(row["size"]), str(row["mtime"]), row["mime"] == "inode/directory")
                for row in response.json()
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ScmRefused(self.name, f"listing {folder}", "an answer that is no list") from error

    async def walk(self, folder: str, at_once: int = 8) -> tuple[Entry, ...]:
        """All files below `folder`, sorted by path: one request a folder, `at_once` side by side."""
        found: list[Entry] = []
        gate = asyncio.Semaphore(at_once)

        async def visit(below: str) -> None:
            async with gate:
                entries = await self.list(f"{folder}/{below}".rstrip("/"))
            async with asyncio.TaskGroup() as tasks:
                for entry in entries:
                    path = f"{below}/{entry.path}".lstrip("/")
                    if entry.is_folder:
                        tasks.create_task(visit(path))
                    else:
                        found.append(Entry(path, entry.size, entry.mtime, is_folder=False))

        await visit("")
        return tuple(sorted(found, key=lambda entry: entry.path))

    async def stat(self, path: str) -> Entry | None:
        """One file's entry, or None."""
        folder, _, name = path.rpartition("/")
        return next((entry for entry in await self.list(folder) if entry.path == name), None)

    async def read(self, path: str) -> bytes | None:
        """A small file's bytes, or None when it is missing."""
        response = await self._repeatable("GET", self._vfs(path))
        if response.status_code == 404:
            return None
        return self._expect(response, f"reading {path}", 200).content

    async def write(self, path: str, content: bytes) -> None:
        """A small file, new or over an old one."""
        response = await self._repeatable("PUT", self._vfs(path), content=content, headers={"If-Match": "*"})
        self._expect(response, f"writing {path}", 201, 204)

    async def delete(self, path: str) -> None:
        """A file is gone afterwards, whether it was there or not."""
        response = await self._repeatable("DELETE", self._vfs(path), headers={"If-Match": "*"})
        self._expect(response, f"deleting {path}", 200, 204, 404)

    @asynccontextmanager
    async def reading(self, path: str) -> AsyncIterator[httpx.Response]:
        """A file as a stream. Raises FileMissing."""
        try:
            async with self._http.stream("GET", self._vfs(path), headers=await self._headers()) as response:
                if response.status_code == 404:
                    raise FileMissing(self.name, path)
                if response.status_code != 200:
                    self._checked(response, "GET") if response.status_code in (401, 403) else None
                    raise ScmUnreachable(self.name, f"HTTP {response.status_code} reading {path}")
                yield response
        except httpx.HTTPError as error:
            raise TransferBroken(f"{path} from {self.name}", type(error).__name__) from error

    async def download(self, path: str, to: Path) -> str:
        """Copy a file to the bot's disk and return its sha256; a short or broken one never takes its place."""
        digest = hashlib.sha256()
        part = to.with_name(to.name + ".part")
        async with self.reading(path) as response:
            size = 0
            with part.open("wb") as file:
                async for chunk in response.aiter_bytes(_CHUNK):
                    await asyncio.to_thread(file.write, chunk)
                    digest.update(chunk)
                    size += len(chunk)
            expected = response.headers.get("Content-Length")
            if expected is not None and "Content-Encoding" not in response.headers and int(expected) != size:
                raise TransferBroken(f"{path} from {self.name}", f"{size} of {expected} bytes")
        part.replace(to)
        return digest.hexdigest()

    async def upload(self, path: str, source: Path) -> None:
        """Copy a file from the bot's disk, over whatever is there."""
        headers = {"If-Match": "*", "Content-Length": str(source.stat().st_size)}
        # A fresh stream a try: `_repeatable` may send it again.
        deadline = time.monotonic() + self._patience
        while True:
            try:
                response = await self._http.put(
                    self._vfs(path), content=_chunks(source), headers=await self._headers(headers)
                )
                if response.status_code not in _PASSING:
                    break
                trouble = f"HTTP {response.status_code}"
            except httpx.HTTPError as error:
                trouble = type(error).__name__
            if time.monotonic() > deadline:
                raise TransferBroken(f"{path} to {self.name}", trouble)
            await asyncio.sleep(1)
        self._expect(self._checked(response, "PUT"), f"writing {path}", 201, 204)

    async def copy_to(self, other: "Kudu", path: str, size: int) -> None:
        """Stream one file to the same path of another slot; nothing of it touches the bot's disk."""
        for last in (False, False, True):
            try:
                async with self.reading(path) as response:
                    headers = {
                        "If-Match": "*",
                        "Content-Length": response.headers.get("Content-Length", str(size)),
                    }
                    answer = await other._http.put(
                        other._vfs(path),
                        content=response.aiter_bytes(_CHUNK),
                        headers=await other._headers(headers),
                    )
                other._expect(other._checked(answer, "PUT"), f"writing {path}", 201, 204)
                return
            except FileMissing:
                return  # deleted in production since it was listed: nothing to carry
            except (httpx.HTTPError, ScmUnreachable, TransferBroken) as error:
                if last:
                    raise TransferBroken(f"{path} to {other.name}", type(error).__name__) from error
                await asyncio.sleep(1)

    # -- deployments ------------------------------------------------------------------------------

    async def latest_deployment(self) -> dict[str, Any] | None:  # Any: Kudu's JSON
        """The newest deployment as Kudu shows it, or None when there was never one."""
        response = await self._repeatable("GET", f"{self._url}/api/deployments/latest")
        if response.status_code == 404:
            return None
        self._expect(response, "reading the deployment", 200, 202)
        try:
            body = response.json()
        except ValueError as error:
            raise ScmRefused(self.name, "reading the deployment", "an answer that is no JSON") from error
        return body if isinstance(body, dict) else None

    async def deploy_zip(self, package: Path, limit: float, told: Callable[[str], Awaitable[None]]) -> str:
        """Deploy a zip over wwwroot and wait for its end, at most `limit` seconds; returns the deployment's id.

        Files that the last deployment brought and this one has not are removed, all others stay
        (zipdeploy's rule), so the site's content survives. A deployment in progress is waited for.
        """
        before = await self.latest_deployment()
        if before is not None and not before.get("complete", True):
            before = await self._deployment_ended(None, limit, told)
        response = await self._once(
            "POST",
            f"{self._url}/api/zipdeploy",
            params={"isAsync": "true"},
            content=_chunks(package),
            headers={"Content-Type": "application/zip", "Content-Length": str(package.stat().st_size)},
            timeout=httpx.Timeout(60, read=600, write=600),
        )
        self._expect(response, "the deployment", 200, 202)
        ended = await self._deployment_ended(before, limit, told)
        return str(ended.get("id"))

    async def _deployment_ended(
        self, before: dict[str, Any] | None, limit: float, told: Callable[[str], Awaitable[None]]
    ) -> dict[str, Any]:
        """Wait for a deployment other than `before`: right after the request Kudu can still show that one."""
        deadline = time.monotonic() + limit
        seen = (before or {}).get("received_time"), (before or {}).get("id")
        said = ""
        while time.monotonic() < deadline:
            latest = await self.latest_deployment()
            if latest is not None and (latest.get("received_time"), latest.get("id")) != seen:
                text = str(latest.get("status_text") or latest.get("progress") or "")
                if text and text != said:
                    said = text
                    await told(text)
                if latest.get("status") == _FAILED:
                    raise DeploymentFailed(self.name, text or "no reason given")
                if latest.get("complete") and latest.get("status") == _SUCCESS:
                    return latest
            await asyncio.sleep(0.5)
        raise DeploymentStuck(self.name, round(limit / 60))

    # -- WebJobs ----------------------------------------------------------------------------------

    async def webjob_exists(self, job: str) -> bool:
        response = await self._repeatable("GET", f"{self._url}/api/triggeredwebjobs/{quote(job)}")
        if response.status_code == 404:
            return False
        self._expect(response, f"reading the WebJob {job}", 200)
        return True

    async def webjob_runs(self, job: str) -> tuple[WebJobRun, ...]:
        """The runs Kudu remembers, newest first."""
        response = await self._repeatable("GET", f"{self._url}/api/triggeredwebjobs/{quote(job)}/history")
        if response.status_code == 404:
            raise WebJobMissing(self.name, job)
        self._expect(response, f"the history of the WebJob {job}", 200)
        try:
            rows = response.json()["runs"]
            return tuple(
                WebJobRun(str(row["id"]), str(row["status"]), str(row["start_time"])) for row in rows
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ScmRefused(
                self.name, f"the history of the WebJob {job}", "an answer that is no history"
            ) from error

    async def run_webjob(self, job: str, limit: float) -> WebJobRun:
        """Start a triggered WebJob and wait for its end, at most `limit` seconds."""
        known = {run.id for run in await self.webjob_runs(job)}
        response = await self._once("POST", f"{self._url}/api/triggeredwebjobs/{quote(job)}/run")
        if response.status_code == 404:
            raise WebJobMissing(self.name, job)
        if response.status_code == 409:
            raise WebJobBusy(job, self.name)
        self._expect(response, f"running the WebJob {job}", 200, 202)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            run = next((run for run in await self.webjob_runs(job) if run.id not in known), None)
            if run is not None and run.ended:
                if run.status != "Success":
                    raise WebJobFailed(job, self.name, run.status, "The backup was not made.")
                return run
            await asyncio.sleep(0.3)
        raise WebJobFailed(job, self.name, "still running", f"It did not end within {limit:.0f} seconds.")


def _told(response: httpx.Response) -> str:
    """What Kudu says of a refusal, one short line; its bodies can be whole pages."""
    try:
        body = response.json()
        text = str(body.get("Message") or body.get("message") or "") if isinstance(body, dict) else ""
    except (ValueError, httpx.ResponseNotRead):
        return ""
    return text.splitlines()[0][:200] if text else ""


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def newer(left: str, right: str) -> bool:
    """Whether Kudu's time `left` is after `right`."""
    return datetime.fromisoformat(left) > datetime.fromisoformat(right)
