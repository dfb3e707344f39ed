"""The App Home: every site at a glance, what waits for a decision, the last releases."""

from collections.abc import Mapping

from slack_sdk.models.blocks import Block

from bot.render.message import (
    SlackBlock,
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
from bot.render.replies import history_line, site_lines
from bot.render.words import release_title
from release.model import Release, SiteStatus, State

SITES_SHOWN = 40


def home_view(
    sites: tuple[SiteStatus, ...],
    history: tuple[Release, ...],
    threads: Mapping[str, str],
    reader: str,
    slash: str,
    decide: bool = False,
) -> SlackBlock:
    """The view for one person, an approver if they may `decide`. `threads` is release id -> link to its thread."""
    waiting = [
        status.open_release
        for status in sites
        if status.open_release and status.open_release.state is State.AWAITING_APPROVAL
    ]
    blocks: list[Block | None] = [header("Waiting for a decision")]
    if not waiting:
        blocks.append(section("Nothing waits for anyone."))
    for release in waiting[:10]:
        mine = release.asked_by == reader and not release.kind.goes_back
        own = " You asked for it, so someone else decides." if mine else ""
        if decide and not mine:
            own = " *It waits for you.*"
        asked = f"asked for by {person(release.asked_by)} {when(release.asked_at, '{ago}')}"
        blocks.append(section(f"*{release_title(release)}*, {asked}.{own}"))
        if release.id in threads:
            blocks.append(buttons(link_button("Open its thread", f"open:{release.id}", threads[release.id])))
    blocks += [divider(), header("Sites")]
    blocks += [section(site_lines(status)) for status in sites[:SITES_SHOWN]]
    blocks += [divider(), header("Last releases")]
    lines = "\n".join(history_line(release) for release in history)
    blocks.append(section(lines or f"None yet. Type `{slash} upgrade` in a channel to begin."))
    blocks.append(context(f"Type `{slash} help` in any channel for everything I can do."))
    return _view(blocks)


def closed_view(problem: str) -> SlackBlock:
    """For people who may not look."""
    return _view([section(escape(problem))])


def _view(blocks: list[Block | None]) -> SlackBlock:
    return {"type": "home", "blocks": [block.to_dict() for block in blocks if block is not None][:100]}
