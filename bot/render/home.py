"""The App Home: every site at a glance, what waits for a decision, the last releases."""

from collections.abc import Mapping

from slack_sdk.models.blocks import Block

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
from bot.render.release import cancel_button
from bot.render.replies import history_line, site_lines
from bot.render.scheduled import scheduled_line, unschedule_button
from bot.render.words import STATE_WORDS, release_title
from release.model import Release, SiteStatus, State

SITES_SHOWN = 40
SHOWN = 10


def home_view(
    sites: tuple[SiteStatus, ...],
    history: tuple[Release, ...],
    threads: Mapping[str, str],
    reader: str,
    slash: str,
    decide: bool = False,
    told: Message | None = None,
) -> SlackBlock:
    """The view for one person, an approver if they may `decide`. `threads` is release id -> link to its thread.

    `told` is the answer to what they clicked here.
    """
    begun = [status.open_release for status in sites if status.open_release]
    waiting = [release for release in begun if release.state is State.AWAITING_APPROVAL]
    under_way = [release for release in begun if release not in waiting]
    later = [one for status in sites for one in status.scheduled]
    blocks: list[Block | None] = [section(told.text), divider()] if told else []
    blocks.append(header("Waiting for a decision"))
    if not waiting:
        blocks.append(section("Nothing waits for anyone."))
    for release in waiting[:SHOWN]:
        mine = release.asked_by == reader and not release.kind.goes_back
        own = " You asked for it, so someone else decides." if mine else ""
        if decide and not mine:
            own = " *It waits for you.*"
        asked = f"asked for by {person(release.asked_by)} {when(release.asked_at, '{ago}')}"
        blocks.append(section(f"*{release_title(release)}*, {asked}.{own}"))
        blocks.append(_ways(release, threads))
    if under_way:
        blocks += [divider(), header("Under way")]
    for release in under_way[:SHOWN]:
        blocks.append(section(f"*{release_title(release)}*, {STATE_WORDS[release.state]}."))
        blocks.append(_ways(release, threads))
    if later:
        blocks += [divider(), header("Later")]
    for one in later[:SHOWN]:
        blocks += [section(scheduled_line(one)), buttons(unschedule_button(one))]
    blocks += [divider(), header("Sites")]
    blocks += [section(site_lines(status)) for status in sites[:SITES_SHOWN]]
    blocks += [divider(), header("Last releases")]
    lines = "\n".join(history_line(release) for release in history)
    blocks.append(section(lines or f"None yet. Type `{slash} upgrade` in a channel to begin."))
    blocks.append(buttons(button("Look again", "look_again", "home")))
    blocks.append(context(f"Type `{slash} help` in any channel for everything I can do."))
    return _view(blocks)


def _ways(release: Release, threads: Mapping[str, str]) -> Block | None:
    """To its thread, where it is decided, and out of it."""
    link = threads.get(release.id)
    return buttons(
        link_button("Open its thread", f"open:{release.id}", link) if link else None,
        cancel_button(release, f"cancel:{release.id}"),
    )


def closed_view(problem: str) -> SlackBlock:
    """For people who may not look."""
    return _view([section(escape(problem))])


def _view(blocks: list[Block | None]) -> SlackBlock:
    return {"type": "home", "blocks": [block.to_dict() for block in blocks if block is not None][:100]}
