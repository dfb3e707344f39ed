"""What a command is: its name, the words it takes, who may type it, and the value it answers with.

Nothing here knows Slack. `bot/door.py` hands the words in, `bot/render/` turns the reply into blocks.
"""

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from release.checking import SiteChecked
from release.difference import SlotsCompared
from release.errors import UnknownSite
from release.model import BackupTaken, Freeze, Kind, Release, Scheduled, SiteStatus, Versions
from release.records import Entry
from release.releases import Releases
from release.slot_log import SlotLog
from release.version import NotAVersion, Version

NEWEST = ("newest", "latest")
"""Words that mean "whatever Ghost published last", the same as leaving the version out."""


BACKUP_ID = re.compile(r"b-\d{8}-\d{6}-[0-9a-f]{4}")


class Role(StrEnum):
    """What a person must be to do something. Every role includes being a full member of the workspace."""

    ANYONE = "anyone"
    RELEASER = "releaser"
    APPROVER = "approver"
    EITHER = "releaser or approver"
    BREAKER = "person who may break the glass"


class Group(StrEnum):
    """What a command is for: help shows the commands under these words, in this order."""

    PUT_LIVE = "Put something live"
    SAVE = "Save, and go back"
    STEER = "Say when, and what not"
    LOOK = "Look"


class UsageError(Exception):
    """The person's words make no order. A mistake to explain, never a defect to log."""


@dataclass(frozen=True)
class Words:
    """What was typed after the command's name, split at spaces."""

    given: tuple[str, ...]

    def version_and_site(self) -> tuple[str | None, str | None]:
        """A version and a site in either order, both optional. `newest` means no particular version."""
        version: str | None = None
        site: str | None = None
        named_newest = False
        for word in self.given:
            if word.lower() in NEWEST and not named_newest and version is None:
                named_newest = True
            elif looks_like_a_version(word) and version is None and not named_newest:
                version = exact_version(word)
            elif not looks_like_a_version(word) and site is None:
                site = word
            else:
                raise UsageError(f"I do not know what to do with “{word}”.")
        return version, site

    def site_only(self) -> str | None:
        """One site, or nothing."""
        if len(self.given) > 1:
            raise UsageError(f"I expected one site, and got {len(self.given)} words: {' '.join(self.given)}.")
        return self.given[0] if self.given else None


def looks_like_a_version(word: str) -> bool:
    """True for `6.65.0`, `v6.65.0` and for what was probably meant as one (`6.65`)."""
    return re.match(r"v?\d+(\.|$)", word, re.IGNORECASE) is not None


def exact_version(word: str) -> str:
    """`v6.65.0` as `6.65.0`. Raises UsageError for anything but three numbers."""
    try:
        return str(Version.parse(word.lower()))
    except NotAVersion as error:
        raise UsageError(f"“{word}” is not a whole version: it needs three numbers.") from error


def backup_and_rest(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The one backup whose id is among the words, if there is one, and the other words. UsageError for two."""
    ids = [word for word in words if BACKUP_ID.fullmatch(word.lower())]
    if len(ids) > 1:
        raise UsageError("Say which backup, by its id, and only one.")
    rest = tuple(word for word in words if word not in ids)
    return (ids[0].lower() if ids else None), rest


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one known word that was probably meant, or None."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def known_site(word: str | None, sites: tuple[str, ...]) -> str | None:
    """The site as it is configured, whatever its case. Raises UsageError or UnknownSite."""
    if word is None:
        return None
    for site in sites:
        if site.lower() == word.lower():
            return site
    meant = closest(word, sites)
    if meant is not None:
        raise UsageError(f"There is no site called “{word}”. Did you mean “{meant}”?")
    raise UnknownSite(word, ", ".join(sites))


@dataclass(frozen=True)
class Request:
    """Who asks, where the answer belongs, and the commands there are (for `help`); when, and in which time zone."""

    by: str
    channel: str
    commands: "tuple[Command[Any], ...]"
    now: datetime
    zone: str = "UTC"


@dataclass(frozen=True)
class Started:
    """A release was started; its thread tells the rest."""

    release: Release


@dataclass(frozen=True)
class CancelAsked:
    """The release stops before its next step."""

    release: Release


@dataclass(frozen=True)
class Frozen:
    freeze: Freeze


@dataclass(frozen=True)
class Unfrozen:
    """The freezes that were lifted, one at least."""

    freezes: tuple[Freeze, ...]


@dataclass(frozen=True)
class ScheduledFor:
    """It is begun later."""

    scheduled: Scheduled


@dataclass(frozen=True)
class Unscheduled:
    scheduled: Scheduled


@dataclass(frozen=True)
class ScheduledReply:
    scheduled: tuple[Scheduled, ...]


@dataclass(frozen=True)
class StatusReply:
    sites: tuple[SiteStatus, ...]


@dataclass(frozen=True)
class CheckReply:
    sites: tuple[SiteChecked, ...]


@dataclass(frozen=True)
class DiffReply:
    compared: SlotsCompared


@dataclass(frozen=True)
class LogReply:
    log: SlotLog


@dataclass(frozen=True)
class VersionsReply:
    versions: Versions


@dataclass(frozen=True)
class Skipped:
    """Nobody is asked about the version any more: for that site, or (None) for any."""

    version: str
    site: str | None


@dataclass(frozen=True)
class Unskipped:
    """The version is offered again."""

    version: str
    site: str | None


@dataclass(frozen=True)
class HistoryReply:
    """`deeds` is who asked for what and what came of it, from the audit, newest first; `links` lead to the threads."""

    site: str | None
    releases: tuple[Release, ...]
    deeds: tuple[Entry, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BackupsReply:
    """`site` None: of all sites."""

    site: str | None
    backups: tuple[BackupTaken, ...]


@dataclass(frozen=True)
class HelpReply:
    """`commands` holds every command, those of one site, or the one asked about."""

    commands: "tuple[Command[Any], ...]"
    site: str | None = None
    site_is: str = ""


Reply = (
    Started
    | CancelAsked
    | ScheduledFor
    | Unscheduled
    | ScheduledReply
    | Frozen
    | Unfrozen
    | StatusReply
    | CheckReply
    | DiffReply
    | LogReply
    | VersionsReply
    | Skipped
    | Unskipped
    | HistoryReply
    | BackupsReply
    | HelpReply
)

Order = TypeVar("Order")


@dataclass(frozen=True)
class Command(Generic[Order]):
    """One subcommand. `usage` and `example` are what follows the slash command's name.

    One that `can_wait` may be asked for now and begun at a time, or once its site is free; its order has a `site`.
    `about` are the kinds of releases that it starts or shows: a site that can have none of them lacks the command.
    """

    name: str
    usage: str
    summary: str
    example: str
    needs: Role
    parse: Callable[[Words], Order]
    run: Callable[[Order, Request, Releases], Awaitable[Reply]]
    about: tuple[Kind, ...] = ()
    can_wait: bool = False
    group: Group = Group.LOOK

    def called(self, name: str) -> "Command[Order]":
        """The same command under another name."""
        usage, example = (text.removeprefix(self.name) for text in (self.usage, self.example))
        return replace(self, name=name, usage=f"{name}{usage}", example=f"{name}{example}")

    def suits(self, kinds: frozenset[Kind]) -> bool:
        """Whether a site that can have these kinds of releases has the command."""
        return not self.about or not kinds.isdisjoint(self.about)
