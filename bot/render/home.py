"""The App Home: every site at a glance, what waits for a decision, the last releases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slack_sdk.models.blocks import Block

from bot.render.approval import deciding_buttons
from bot.render.message import (
    Message,
    SlackBlock,
    button,
    buttons,
    context,
    divider,
    escape,
    header,
    link_button,
    person,
    section,
    when,
)
from bot.render.notice import upgrade_button
from bot.render.release import cancel_button
from bot.render.replies import history_line, site_lines, urgent_first
from bot.render.rollback import confirming_buttons
from bot.render.scheduled import scheduled_line, unschedule_button
from bot.render.words import release_title, state_words
from release.model import Approval, Release, SiteStatus, SiteVersions, State, Versions

BLOCKS = 100
SHOWN = 10


@dataclass(frozen=True)
class Seen:
    """What one person's Home shows.

    `threads` are links and `questions` what this person may decide, each by release; `versions` where they may upgrade,
    and `cancels` whether they may call off what others began.
    """

    sites: tuple[SiteStatus, ...]
    history: tuple[Release, ...] = ()
    threads: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, Approval] = field(default_factory=dict)
    versions: Versions | None = None
    cancels: bool = False


def home_view(seen: Seen, reader: str, slash: str, told: Message | None = None) -> SlackBlock:
    """The view for one person. `told` is the answer to what they clicked here."""
    sites = seen.sites
    begun = [status.open_release for status in sites if status.open_release]
    waiting = [release for release in begun if release.state is State.AWAITING_APPROVAL]
    under_way = [release for release in begun if release not in waiting]
    # What waits for a free site comes first, as in the list of all that is scheduled.
    later = sorted(
        (one for status in sites for one in status.scheduled),
        key=lambda one: one.at.timestamp() if one.at else 0.0,
    )
    blocks: list[Block | SlackBlock | None] = []
    if told:
        # A refused approval may be made all the same, by who may break the glass.
        offered = (block for block in told.blocks if block["type"] == "actions")
        blocks += [section(told.text), *offered, divider()]
    blocks.append(header("Waiting for a decision"))
    if not waiting:
        blocks.append(section("Nothing waits for anyone."))
    for release in waiting[:SHOWN]:
        mine = release.asked_by == reader and not release.kind.goes_back
        own = " You asked for it, so someone else decides." if mine else ""
        if release.id in seen.questions:
            own = " *It waits for you.*"
        asked = f"asked for by {person(release.asked_by)} {when(release.asked_at, '{ago}')}"
        blocks.append(section(f"*{release_title(release)}*, {asked}.{own}"))
        blocks.append(_ways(release, seen))
    blocks.append(_more(waiting, slash))
    if under_way:
        blocks += [divider(), header("Under way")]
    for release in under_way[:SHOWN]:
        blocks.append(section(f"*{release_title(release)}*, {state_words(release)}."))
        blocks.append(_ways(release, seen))
    blocks.append(_more(under_way, slash))
    if later:
        blocks += [divider(), header("Later")]
    for one in later[:SHOWN]:
        blocks += [section(scheduled_line(one)), buttons(unschedule_button(one) if seen.cancels else None)]
    blocks.append(_more(later, slash, "scheduled"))
    lines = [history_line(one, seen.threads.get(one.id, "")) for one in seen.history]
    end = [
        divider(),
        header("Last releases"),
        section("\n".join(lines) or f"None yet. Type `{slash} upgrade` in a channel to begin."),
        buttons(button("Look again", "look_again", "home")),
        context(f"Type `{slash} help` in any channel for everything I can do."),
    ]
    blocks += [divider(), header("Sites")]
    blocks += _sites(seen, BLOCKS - len(end) - sum(block is not None for block in blocks), slash)
    return _view([*blocks, *end])


def _sites(seen: Seen, room: int, slash: str) -> list[Block]:
    """As many sites as there is room for, in blocks, and how many are left."""
    newer = {site.site: site for site in seen.versions.sites} if seen.versions else {}
    ordered = urgent_first(seen.sites)
    found = [
        [one for one in (section(site_lines(status)), _upgrade(status, newer.get(status.site))) if one]
        for status in ordered
    ]
    if sum(map(len, found)) <= room:
        return [block for of_one in found for block in of_one]
    shown: list[Block] = []
    left = len(found)
    for of_one in found:
        if len(shown) + len(of_one) >= room:
            break
        shown += of_one
        left -= 1
    return [*shown, context(f"and {left} more: `{slash} status SITE` in any channel")]


def _more(found: Sequence[object], slash: str, command: str = "status") -> Block | None:
    left = len(found) - SHOWN
    return context(f"and {left} more: `{slash} {command}` in any channel") if left > 0 else None


def _upgrade(status: SiteStatus, versions: SiteVersions | None) -> Block | None:
    """The newest version, where the site is behind it and nothing keeps it from being begun."""
    if (
        versions is None
        or versions.current is None
        or versions.behind == 0
        or status.open_release
        or status.freeze
    ):
        return None
    return buttons(
        upgrade_button(versions, versions.newest, f"upgrade:{status.site}", f"Upgrade to {versions.newest}")
    )


def _ways(release: Release, seen: Seen) -> Block | None:
    """To its thread, what this person may decide, and out of it."""
    link = seen.threads.get(release.id)
    question = seen.questions.get(release.id)
    of = f":{release.id}"
    decide = confirming_buttons if release.kind.goes_back else deciding_buttons
    deciding = decide(release, question, of) if question else ()
    return buttons(
        *deciding,
        link_button("Open its thread", f"open{of}", link) if link else None,
        # Of a rollback that asks, keeping what runs is the same.
        cancel_button(release, f"cancel{of}")
        if seen.cancels and not (release.kind.goes_back and question)
        else None,
    )


def closed_view(problem: str) -> SlackBlock:
    """For people who may not look."""
    return _view([section(escape(problem))])


def _view(blocks: Sequence[Block | SlackBlock | None]) -> SlackBlock:
    shown = [block if isinstance(block, dict) else block.to_dict() for block in blocks if block is not None]
    return {"type": "home", "blocks": shown}
