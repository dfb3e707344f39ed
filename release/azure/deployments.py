"""Zip deployments to a slot: asked for once, then watched until they have really ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from release.azure.errors import (
    DeploymentBusy,
    DeploymentFailed,
    DeploymentStuck,
    ScmUnreachable,
)
from release.azure.scm import Scm, chunks
from release.masking import masked

Told = Callable[[str], Awaitable[None]]
_FAILED, _SUCCESS = 3, 4
# A write of settings recycles the SCM site, now or a minute later, and that ends a deployment (facts about Kudu).
_ENDED_BY_RESTART = "container restart"
_TRIES = 3
# How long a deployment whose request was cut off may take to show itself.
_TO_SHOW_SECONDS = 5.0


class Deployments(Scm):
    """Deployments of the slot's wwwroot."""

    async def latest_deployment(self) -> dict[str, Any] | None:  # Any: Kudu's JSON
        """The newest deployment as Kudu shows it, or None when there was never one."""
        what = "reading the deployment"

        def latest(response: httpx.Response) -> dict[str, Any] | None:  # Any: Kudu's JSON
            if response.status_code == 404:
                return None
            body = self._json(self._expect(response, what, 200, 202), what)
            if not isinstance(body, dict):
                raise self._unreadable(what)
            return body

        return await self._read(f"{self._url}/api/deployments/latest", latest)

    async def deployment_log(self, deployment: str) -> tuple[str, ...]:
        """What a deployment wrote while it went on, line by line; what looks like a secret is hidden."""
        what = "reading the deployment's log"

        def lines(response: httpx.Response) -> tuple[str, ...]:
            if response.status_code == 404:
                return ()
            body = self._json(self._expect(response, what, 200), what)
            try:
                return tuple(masked(str(row["message"])) for row in body)
            except (KeyError, TypeError) as error:
                raise self._unreadable(what) from error

        return await self._read(f"{self._url}/api/deployments/{quote(deployment, safe='')}/log", lines)

    async def deploy_zip(self, package: Path, limit: float, told: Told) -> str:
        """Deploy a zip over wwwroot and wait for its end, at most `limit` seconds; returns the deployment's id.

        Files that the last deployment brought and this one has not are removed, all others stay
        (zipdeploy's rule), so the site's content survives. A deployment in progress is waited for.
        One that a restart of the SCM site ended is made again: the slot is stopped, nobody sees it.
        """
        deadline = time.monotonic() + limit
        made = 0
        while time.monotonic() < deadline:
            before = await self._no_deployment(deadline, limit)
            if not await self._ask_to_deploy(package, before, limit):
                await asyncio.sleep(0.5)  # theirs may not show itself yet
                continue
            made += 1
            try:
                return str((await self._deployment_ended(before, deadline, limit, told)).get("id"))
            except DeploymentFailed as error:
                if made == _TRIES or _ENDED_BY_RESTART not in str(error):
                    raise
                await self.reachable()
        raise DeploymentBusy(self.name, round(limit / 60))

    async def _no_deployment(self, deadline: float, limit: float) -> dict[str, Any] | None:
        """Wait until no deployment is in progress, whoever asked for it and however it ends; the last one."""
        while True:
            latest = await self.latest_deployment()
            if latest is None or latest.get("complete", True):
                return latest
            if time.monotonic() > deadline:
                raise DeploymentBusy(self.name, round(limit / 60))
            await asyncio.sleep(0.5)

    async def _ask_to_deploy(
        self, package: Path, before: dict[str, Any] | None, limit: float, tries: int = _TRIES
    ) -> bool:
        """Ask for the deployment; False when somebody else's came first."""
        try:
            response = await self._once(
                "POST",
                f"{self._url}/api/zipdeploy",
                params={"isAsync": "true"},
                content=lambda: chunks(package),
                headers={"Content-Type": "application/zip", "Content-Length": str(package.stat().st_size)},
                timeout=httpx.Timeout(60, read=min(600, limit), write=600),
            )
        except ScmUnreachable:
            # Perhaps it arrived: then it shows itself, and is waited for instead of asked for twice.
            if await self._deployment_shows(before):
                return True
            if tries == 1:
                raise
            return await self._ask_to_deploy(package, before, limit, tries - 1)
        if response.status_code == 409:
            return False
        self._expect(response, "the deployment", 200, 202)
        return True

    async def _deployment_shows(self, before: dict[str, Any] | None) -> bool:
        deadline = time.monotonic() + _TO_SHOW_SECONDS
        while time.monotonic() < deadline:
            if _name(await self.latest_deployment()) != _name(before):
                return True
            await asyncio.sleep(0.5)
        return False

    async def _deployment_ended(
        self, before: dict[str, Any] | None, deadline: float, limit: float, told: Told
    ) -> dict[str, Any]:
        """Wait for a deployment other than `before`: right after the request Kudu can still show that one."""
        shown = ""
        while time.monotonic() < deadline:
            latest = await self.latest_deployment()
            if latest is not None and _name(latest) != _name(before):
                text = masked(str(latest.get("status_text") or latest.get("progress") or ""))
                ended = bool(latest.get("complete"))
                if ended and latest.get("status") == _SUCCESS:
                    return latest
                # Newer Kudus end with further states than these two; none of them is good.
                if ended or latest.get("status") == _FAILED:
                    raise DeploymentFailed(self.name, text[:300] or "no reason given")
                if text and text != shown:
                    shown = text
                    await told(text)
            await asyncio.sleep(0.5)
        raise DeploymentStuck(self.name, round(limit / 60))


def _name(deployment: dict[str, Any] | None) -> tuple[Any, Any]:
    """Tells deployments apart: the id alone changes while one is under way."""
    return ((deployment or {}).get("received_time"), (deployment or {}).get("id"))
