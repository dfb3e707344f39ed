"""`ghostbot check`: everything a release will need, tried now, and every problem told at once."""

import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.markup import escape
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.clients import Clients, open_clients
from bot.refusals import slack_error
from bot.settings import Mode, Settings
from release.azure.blobs import Blobs
from release.checking import Outcome, SiteChecked, check_site
from release.errors import ReleaseError
from release.ghost.release_notes import GhostNotes, NoSuchNotes, NotesLimited, NotesUnreachable
from release.pictures import NoBrowser, found_browser

# What the bot's calls need (facts about Slack); manifest.yml asks for the same.
SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "chat:write.public",
        "users:read",
        "usergroups:read",
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
    }
)


class SlackWrong(ReleaseError):
    problem = "Slack: {0}."
    remedy = "{1}"


@dataclass
class Findings:
    """What was looked at and how it went, in the order of the looks."""

    console: Console
    problems: int = 0
    warnings: int = 0
    _seen: set[str] = field(default_factory=set)

    def good(self, what: str) -> None:
        self.console.print(f"[green]ok[/green]       {escape(what)}", highlight=False)

    def warn(self, what: str) -> None:
        self.warnings += 1
        self.console.print(f"[yellow]warning[/yellow]  {escape(what)}", highlight=False)

    def wrong(self, what: str, remedy: str) -> None:
        if what in self._seen:
            return
        self._seen.add(what)
        self.problems += 1
        self.console.print(f"[red]problem[/red]  {escape(what)}", highlight=False)
        self.console.print(f"         {remedy}", highlight=False, markup=False)

    async def tried(self, what: str, attempt: Awaitable[object]) -> bool:
        """Await `attempt` and tell how it went."""
        try:
            answer = await attempt
        except ReleaseError as error:
            self.wrong(f"{what}: {error}", error.advice)
            return False
        self.good(f"{what}: {answer}" if isinstance(answer, str) else what)
        return True


async def check(settings: Settings, console: Console) -> bool:
    """Try everything; say whether a release can start. Leaves nothing changed anywhere."""
    findings = Findings(console)
    findings.good(f"settings: {len(settings.sites)} site(s), {settings.slack.mode} mode")
    await _slack(settings, findings)
    async with open_clients(settings) as clients:
        if any(kind.upgrades for site in clients.sites.values() for kind in site.shape.kinds):
            await _npm(clients, findings)
        if clients.blobs is not None:
            await findings.tried("storage", _storage(clients.blobs))
        for site in clients.sites.values():
            _site(await check_site(site), findings)
        _pictures(settings, findings)
        for name, source in clients.artefacts.items():
            if source.folder is not None and not source.folder.is_dir():
                findings.wrong(
                    f"{name}: the folder for artefacts {source.folder} is not there.",
                    "Make it, or set folder.",
                )
    if findings.problems:
        console.print(f"\n{findings.problems} problem(s), {findings.warnings} warning(s).")
    else:
        console.print(f"\nAll is well, {findings.warnings} warning(s).")
    return findings.problems == 0


def _pictures(settings: Settings, findings: Findings) -> None:
    try:
        browser = found_browser(settings.browser)
    except NoBrowser as error:
        findings.warn(f"{error} Approval cards have no pictures. {error.advice}")
        return
    if browser is not None:
        findings.good(f"pictures of staging are taken with {browser}")


async def _slack(settings: Settings, findings: Findings) -> None:
    client = AsyncWebClient(
        token=settings.slack.bot_token.get_secret_value(), base_url=settings.slack.api_url
    )
    if not await findings.tried("Slack lets the bot in", _authenticated(client)):
        return
    if settings.slack.mode is Mode.SOCKET and settings.slack.app_token is not None:
        app_client = AsyncWebClient(
            token=settings.slack.app_token.get_secret_value(), base_url=settings.slack.api_url
        )
        await findings.tried("Slack opens a socket", _socket(app_client))
    if settings.slack.channel:
        await findings.tried(
            f"the channel for notices {settings.slack.channel}",
            _called(client, "conversations.info", "channel", settings.slack.channel),
        )
    roles = settings.roles
    if not roles.releasers:
        findings.wrong("roles.releasers is empty, so nobody may release.", "Add ids of people or groups.")
    if not roles.approvers:
        findings.wrong("roles.approvers is empty, so nobody may approve.", "Add ids of people or groups.")
    for member in dict.fromkeys((*roles.releasers, *roles.approvers, *roles.break_glass)):
        await findings.tried(f"role holder {member}", _holder(client, member))
    if (
        len(set(roles.approvers)) == 1
        and set(roles.approvers) == set(roles.releasers)
        and not roles.self_approval
    ):
        findings.warn(
            "one person holds both roles, and nobody may approve their own release: see self_approval."
        )


async def _authenticated(client: AsyncWebClient) -> str:
    try:
        answer = await client.auth_test()
    except SlackApiError as error:
        raise SlackWrong(
            slack_error(error), "Check bot_token (xoxb-...), and install the app again."
        ) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        raise SlackWrong(f"no answer ({type(error).__name__})", "Check the network and api_url.") from error
    granted = str(answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or "")
    missing = SCOPES - {scope.strip() for scope in granted.split(",")} if granted else set()
    if missing:
        raise SlackWrong(
            f"the app lacks {', '.join(sorted(missing))}",
            "Create the app from manifest.yml, or add these scopes and install it again.",
        )
    return f"{answer['user']} in {answer['team']}"


async def _socket(client: AsyncWebClient) -> None:
    try:
        await client.apps_connections_open(app_token=client.token or "")
    except SlackApiError as error:
        remedy = "Make an app-level token with connections:write and set app_token (xapp-...)."
        raise SlackWrong(slack_error(error), remedy) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        raise SlackWrong(f"no answer ({type(error).__name__})", "Check the network.") from error


async def _called(client: AsyncWebClient, method: str, name: str, value: str) -> None:
    try:
        await client.api_call(method, params={name: value})
    except SlackApiError as error:
        raise SlackWrong(slack_error(error), f"Check {value} in the settings.") from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        raise SlackWrong(f"no answer ({type(error).__name__})", "Check the network.") from error


async def _holder(client: AsyncWebClient, member: str) -> None:
    if member.startswith("S"):
        await _called(client, "usergroups.users.list", "usergroup", member)
    else:
        await _called(client, "users.info", "user", member)


async def _npm(clients: Clients, findings: Findings) -> None:
    async def newest() -> str:
        found = await clients.ghosts.newest()
        return f"newest Ghost is {found.version}, for Node {found.node}"

    if await findings.tried("npm", newest()) and clients.notes is not None:
        await _notes(clients.notes, str((await clients.ghosts.newest()).version), findings)


async def _notes(notes: GhostNotes, version: str, findings: Findings) -> None:
    """Nothing fails for want of release notes, so that they cannot be had is no problem."""
    try:
        await notes.of(version, time.time())
    except NoSuchNotes:
        findings.good(f"release notes: none of {version} yet")
    except (NotesUnreachable, NotesLimited) as error:
        findings.warn(f"{error} Notices and approval cards only link to them. {error.advice}")
    else:
        findings.good(f"release notes: those of {version} can be read")


async def _storage(blobs: Blobs) -> str:
    with tempfile.TemporaryDirectory(prefix="ghostbot-check-") as folder:
        return await blobs.try_out(Path(folder))


def _site(checked: SiteChecked, findings: Findings) -> None:
    for one in checked.findings:
        what = f"{checked.site}: {one.what}"
        match one.outcome:
            case Outcome.GOOD:
                findings.good(what)
            case Outcome.WARNING:
                findings.warn(what)
            case Outcome.PROBLEM:
                findings.wrong(what, one.remedy)
