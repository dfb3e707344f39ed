"""The short answers to the person who typed or clicked, and the refusals."""

import re
from typing import Any

from slack_sdk.models.blocks import Block

from bot.render.backups import backups_list
from bot.render.checked import checked
from bot.render.difference import difference
from bot.render.freezes import freeze_in_words, frozen, unfrozen
from bot.render.message import (
    SECTION,
    TEXT,
    Message,
    as_typed,
    clip,
    context,
    duration,
    escape,
    in_their_zone,
    is_person,
    message,
    naming,
    person,
    section,
    size,
    when,
    whole,
)
from bot.render.notice import behind_first
from bot.render.release import state_line
from bot.render.scheduled import scheduled, scheduled_line, scheduled_list, unscheduled
from bot.render.slot_log import slot_log
from bot.render.standing import untouched
from bot.render.words import STATE_SIGNS, release_title, state_words
from commands.command import (
    BackupsReply,
    CancelAsked,
    CheckReply,
    Command,
    DiffReply,
    Frozen,
    Group,
    HelpReply,
    HistoryReply,
    LogReply,
    Reply,
    ScheduledFor,
    ScheduledReply,
    Skipped,
    Started,
    StatusReply,
    Unfrozen,
    Unscheduled,
    Unskipped,
    UsageError,
    VersionsReply,
)
from release.errors import ReleaseError
from release.model import Release, SiteStatus, SlotStatus, State
from release.records import Entry

VERSIONS_SHOWN = 5
SITES_SHOWN = 45
OUTCOME_SHOWN = 120


def reply(answer: Reply, slash: str) -> Message:  # noqa: PLR0912 - a case a reply
    """`slash` is the slash command's name with its slash."""
    match answer:
        case Started(release):
            text = f":rocket: {release_title(release)} has begun. Follow it in <#{escape(release.channel)}>."
            return message(text, section(text))
        case CancelAsked(release):
            return _cancel_asked(release)
        case ScheduledFor(one):
            return scheduled(one, slash)
        case Unscheduled(one):
            return unscheduled(one)
        case ScheduledReply(found):
            return scheduled_list(found, slash)
        case Frozen(freeze):
            return frozen(freeze, slash)
        case Unfrozen(freezes):
            return unfrozen(freezes)
        case StatusReply(sites):
            return _status(sites, slash)
        case CheckReply(sites):
            return checked(sites, slash)
        case DiffReply(compared):
            return difference(compared)
        case LogReply(log):
            return slot_log(log, slash)
        case Skipped(version, site):
            whom = f" for {escape(site)}" if site else ""
            undo = f"{slash} unskip {escape(version)}" + (f" {escape(site)}" if site else "")
            return said(
                f"Ghost {escape(version)} is skipped{whom}: I do not bring it up again. `{undo}` takes that back."
            )
        case Unskipped(version, site):
            whom = f" for {escape(site)}" if site else ""
            return said(f"Ghost {escape(version)} is not skipped any more{whom}: it is offered again.")
        case VersionsReply():
            return _versions(answer, slash)
        case HistoryReply():
            return _history(answer, slash)
        case BackupsReply():
            return backups_list(answer, slash)
        case HelpReply(commands, site, site_is):
            return _help(commands, slash) if site is None else _help_of_site(commands, site, site_is, slash)


def _cancel_asked(release: Release) -> Message:
    if release.state is State.CANCELLED:
        text = f"{STATE_SIGNS[State.CANCELLED]} {release_title(release)} is cancelled. {untouched(release)}"
    elif release.state is State.UNDOING:
        text = (
            f":hourglass: {release_title(release)} is stopped, and staging is given back what it was. "
            f"{untouched(release)}"
        )
    else:
        text = (
            f":hourglass: {release_title(release)} stops before its next step, and staging is given back what it was. "
            f"{untouched(release)}"
        )
    return message(text, section(text))


def nothing_to_cancel(release: Release) -> Message:
    """The answer to who cancels a release that is over."""
    return said(f"{release_title(release)} is over: {state_words(release)}. Nothing is left to cancel.")


def _status(sites: tuple[SiteStatus, ...], slash: str) -> Message:
    if not sites:
        text = "No site is configured yet. Add one to the bot's settings."
        return message(text, section(text))
    parts = [site_lines(site) for site in urgent_first(sites)]
    hint = f"Start with `{slash} upgrade`, or see `{slash} help`."
    if all(site.open_release for site in sites):
        hint = f"Stop a release with `{slash} cancel`, or see `{slash} help`."
    more = f"and {{}} more: `{slash} status SITE`"
    left = len(parts) - SITES_SHOWN
    return message(
        whole(parts, TEXT, more, "\n\n"),
        *(section(part) for part in parts[:SITES_SHOWN]),
        section(more.format(left)) if left > 0 else None,
        context(hint),
    )


def urgent_first(sites: tuple[SiteStatus, ...]) -> list[SiteStatus]:
    """What is not well, then what waits for a decision, then what is under way; as it was otherwise."""

    def place(status: SiteStatus) -> int:
        if any(is_in_trouble(slot) for slot in (status.production, status.staging)):
            return 0
        if status.open_release is None:
            return 3
        return 1 if status.open_release.state is State.AWAITING_APPROVAL else 2

    return sorted(sites, key=place)


def is_in_trouble(slot: SlotStatus) -> bool:
    """Whether it should answer and does not. One that was never used or is stopped is as it should be."""
    return not slot.empty and bool(slot.trouble or (not slot.healthy and slot.state.lower() == "running"))


def site_lines(status: SiteStatus) -> str:
    """One site: both slots, what is under way, its last release and backup."""
    lines = [f"*{escape(status.site)}*", _slot(status.production), _slot(status.staging)]
    if status.freeze:
        lines.append(f":snowflake: Frozen {freeze_in_words(status.freeze)}")
    if status.open_release:
        release = status.open_release
        lines.append(f"{release_title(release)} ({escape(release.id)}): {state_line(release)}")
    elif status.last_release:
        release = status.last_release
        lines.append(f"Last release: {release_title(release)}, {state_words(release)} {_ended(release)}")
    if status.scheduled:
        lines.append(f":alarm_clock: Next: {scheduled_line(status.scheduled[0])} ({status.scheduled[0].id})")
    if status.last_backup:
        backup = status.last_backup
        lines.append(
            f"Last backup: {when(backup.taken_at, '{ago}')}, {size(backup.size)}, Ghost {escape(backup.version)}"
        )
    elif status.backed_up:
        lines.append("Last backup: none yet")
    return "\n".join(lines)


def _slot(slot: SlotStatus) -> str:
    version = f"{escape(slot.product)}{escape(slot.version)}" if slot.version else "version unknown"
    if slot.empty:
        return f"{escape(slot.name.capitalize())}: nothing deployed yet"
    if slot.trouble:
        health = f":warning: trouble: {escape(slot.trouble.rstrip('.'))}"
    elif slot.healthy:
        health = ":large_green_circle: healthy"
    elif slot.state.lower() == "running":
        health = ":warning: running, but its front page does not answer as it should"
    else:
        health = f":white_circle: {escape(slot.state.lower())}"
    address = f", <{escape(slot.url)}>" if slot.url else ""
    return f"{escape(slot.name.capitalize())}: {version}, {health}{address}"


def _ended(release: Release) -> str:
    return when(release.ended_at or release.updated_at, "{ago}")


def _versions(answer: VersionsReply, slash: str) -> Message:
    versions = answer.versions
    newest = ", ".join(
        f"{escape(version)}{' (skipped)' if versions.skipped(version) else ''}"
        for version in versions.newest[:VERSIONS_SHOWN]
    )
    lines = [f"Newest Ghost versions: {newest or 'none could be read'}."]
    for site in behind_first(versions.sites):
        name = escape(site.site)
        if site.trouble:
            what = f"runs {escape(site.current)}" if site.current else "its version could not be read"
            lines.append(f"*{name}*: :warning: {what}: {escape(site.trouble)}")
        elif site.behind == 0:
            lines.append(f"*{name}* runs {escape(site.current)}, the newest.")
        else:
            count = "1 version" if site.behind == 1 else f"{site.behind} versions"
            lines.append(
                f"*{name}* runs {escape(site.current)}, {count} behind {escape(site.newest)}. "
                f"Go there with `{slash} upgrade {escape(site.newest)} {name}`."
            )
    told = whole(lines, SECTION, f"and {{}} more: `{slash} versions SITE`")
    return message(told, section(told))


def _history(answer: HistoryReply, slash: str) -> Message:
    where = f" of {escape(answer.site)}" if answer.site else ""
    if answer.releases:
        lines = [history_line(one, answer.links.get(one.id, "")) for one in answer.releases]
        told = "\n".join([f"*The last releases{where}*", *lines])
    else:
        told = f"There is no release{where} yet. Start one with `{slash} upgrade`."
    if not answer.deeds:
        return message(told, section(told))
    did = "\n".join(["*Who did what*", *map(_deed_line, answer.deeds)])
    return message(f"{told}\n{did}", section(told), section(did))


def _deed_line(entry: Entry) -> str:
    """One entry of the audit: when, who, what, and what came of it."""
    deed = entry.deed
    who = person(deed.by) if is_person(deed.by) else escape(deed.by)
    about = f" {escape(deed.release)}" if deed.release and deed.release not in deed.what else ""
    outcome = " ".join(deed.outcome.split())
    named = [word for word in re.findall(r"\w+", outcome) if is_person(word)]
    outcome = clip(naming(outcome, *named), OUTCOME_SHOWN)
    return f"{when(entry.at)}, {who}: {_deed(deed.what)}{about}: {outcome}"


def _deed(what: str) -> str:
    """A button's name as words; what was typed as it was."""
    return what.replace("_", " ") if re.fullmatch("[a-z]+(_[a-z]+)+", what) else escape(what)


def history_line(release: Release, thread: str = "") -> str:
    """One release: sign, what, how it ended, when and by whom."""
    took = ""
    if release.ended_at is not None:
        took = f" after {duration((release.ended_at - release.asked_at).total_seconds())}"
    named = f"<{escape(thread)}|{escape(release.id)}>" if thread else escape(release.id)
    return (
        f"{STATE_SIGNS[release.state]} {release_title(release)}: {state_words(release)}{took}, "
        f"{when(release.asked_at)}, {person(release.asked_by)}, {named}"
    )


def _help(commands: tuple[Command[Any], ...], slash: str) -> Message:
    if len(commands) == 1:
        command = commands[0]
        text = f"`{slash} {command.usage}`\n{command.summary}.\nFor example: `{slash} {command.example}`"
        if command.can_wait:
            text += f"\n{_later(command, slash)}"
        return message(text, section(text), context(f"For: {command.needs}."))
    groups = _grouped(commands, slash)
    hint = (
        "Leave VERSION out for the newest, and SITE where there is only one. "
        f"More on a command: `{slash} help upgrade`; on a site: `{slash} help SITE`."
    )
    blocks: list[Block] = [section("*What I can do*"), *map(section, groups), context(hint)]
    return message("\n".join(["What I can do:", *groups]), *blocks)


def _later(command: Command[Any], slash: str) -> str:
    return f"To begin it later, end with a time: `{slash} {command.example} tomorrow 6:00`, or `at 22:00`."


def _grouped(commands: tuple[Command[Any], ...], slash: str) -> list[str]:
    """The commands under the words for what they are for."""
    found = []
    for group in Group:
        lines = [
            f"`{slash} {command.usage}` {command.summary}." for command in commands if command.group is group
        ]
        if lines:
            found.append("\n".join([f"*{group}*", *lines]))
    return found


def _help_of_site(commands: tuple[Command[Any], ...], site: str, site_is: str, slash: str) -> Message:
    groups = _grouped(commands, slash)
    title = f"What {escape(site)} can do ({site_is})"
    return message("\n".join([f"{title}:", *groups]), section(f"*{title}*"), *map(section, groups))


def usage_error(error: UsageError, command: Command[Any] | None, slash: str) -> Message:
    """What was not understood, and what would be."""
    text = as_typed(escape(error), slash)
    if command is None:
        text += f"\nSee `{slash} help` for what there is."
    else:
        text += f"\nUsage: `{slash} {command.usage}`, for example `{slash} {command.example}`"
        if command.can_wait:
            text += f"\n{_later(command, slash)}"
    return message(f":grey_question: {text}", section(f":grey_question: {text}"))


def refusal(error: ReleaseError, slash: str) -> Message:
    """What happened and what to do next."""
    people = [str(argument) for argument in error.args if is_person(argument)]
    words = [str(argument) for argument in error.args]
    problem = in_their_zone(as_typed(naming(error, *people), slash, words))
    advice = in_their_zone(as_typed(naming(error.advice, *people), slash, words))
    return message(f":no_entry: {problem} {advice}", section(f":no_entry: *{problem}*\n{advice}"))


def unexpected(slash: str) -> Message:
    """For a defect of ours: no traceback, no promise about what was done."""
    text = (
        ":warning: Something went wrong on my side, and the bot's log has the details. "
        f"See `{slash} status` for where things stand before you try again."
    )
    return message(text, section(text))


def said(text: str) -> Message:
    """One line, already escaped."""
    return message(text, section(text))
