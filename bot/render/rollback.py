"""A rollback as people see it: the question with its price, and the price in the end."""

from slack_sdk.models.blocks import Block, ButtonElement

from bot.render.approval import decided_line, pages_line
from bot.render.message import (
    Message,
    button,
    buttons,
    clip,
    confirm,
    context,
    escape,
    header,
    message,
    person,
    section,
    when,
)
from bot.render.words import release_title
from release.model import Approval, Kind, Release, State, Verdict

NAMES = 600
SHARED = (
    "Nothing that was written is lost: both versions work on the same database. It stays on the schema of {0}; going "
    "back does not undo a migration, so the old code must run on it."
)
VERDICTS = {
    Verdict.APPROVED: "Confirmed",
    Verdict.REJECTED: "Kept",
    Verdict.EXPIRED: "Expired",
    Verdict.CANCELLED: "Cancelled",
}


def rollback_card(release: Release, approval: Approval) -> Message:
    """What going back costs, and who may decide; afterwards who did."""
    change = f"{release.from_version or '?'} → {release.version or '?'}"
    asking = approval.verdict is Verdict.PENDING
    is_done = release.state is State.ROLLED_BACK
    if asking:
        title = f"Roll {release.site} back: {change}?"
        who = (
            f"{person(release.asked_by)} asks. A releaser or an approver decides by {when(approval.expires_at)}; "
            "whoever asked may, since a rollback is for emergencies."
        )
    else:
        word = "Rolled back" if is_done else VERDICTS[approval.verdict]
        title = f"{word}: {release.site} {change}"
        if approval.verdict is Verdict.REJECTED:
            title = f"Not rolled back: {release.site} stays on {release.from_version or 'what is there'}"
        decided = (
            decided_line(approval).replace("Approved", "Confirmed", 1).replace("Rejected", "Called off", 1)
        )
        who = f"{decided}\nAsked for by {person(release.asked_by)}."
    cost = final_price(release) if is_done and release.kind is not Kind.SWAP_BACK else ""
    cost = cost or price(release)
    pages = pages_line(release.facts.pages)
    warnings = "\n".join(f":warning: Warning: {escape(text)}" for text in release.facts.warnings)
    blocks: list[Block | None] = [
        header(title),
        section(who),
        section(f"*The price*\n{cost}"),
        section(warnings) if warnings else None,
        section(f"*Pages of {escape(release.version or 'the old version')}, on staging*\n{pages}")
        if pages
        else None,
    ]
    blocks.append(buttons(*confirming_buttons(release, approval)))
    kept = (
        " What is written until the swap is kept and told as well."
        if asking and release.kind is not Kind.SWAP_BACK
        else ""
    )
    blocks.append(context(f"Release {escape(release.id)}.{kept}"))
    return message("\n".join(part for part in (escape(title), who, cost, warnings, pages) if part), *blocks)


def price(release: Release) -> str:
    """What a rollback would leave behind, by title, and where it is kept; escaped."""
    if release.kind is Kind.SWAP_BACK:
        return SHARED.format(escape(release.from_version or "the newer version"))
    return f"{_written(release, 'would be')} {_where(release)}"


def final_price(release: Release) -> str:
    """What a rollback that is done has left behind, and where it is kept; escaped."""
    if release.facts.left_behind is None and release.facts.price_unknown is None:
        return ""
    return f"{_written(release, 'is')} {_where(release)}"


def _written(release: Release, left: str) -> str:
    facts, version = release.facts, escape(release.from_version or "the newer version")
    since = f" since {when(facts.live_since)}" if facts.live_since else " since it went live"
    reason = escape((facts.price_unknown or "it was not looked at").rstrip("."))
    if facts.left_behind is None:
        return (
            f":warning: What was written on {version}{since}, and {left} left behind, is not known: {reason}."
        )
    later = f" What came after that look is not known: {reason}." if facts.price_unknown else ""
    if not facts.left_behind.anything:
        return f"Nothing was written on {version}{since} that {left} left behind.{later}"
    names = f" ({escape(clip(facts.left_behind.names, NAMES))})" if facts.left_behind.names else ""
    words = escape(facts.left_behind.words)
    return f":warning: Written on {version}{since}, and {left} left behind: *{words}*{names}.{later}"


def _where(release: Release) -> str:
    backup = release.facts.backup
    if backup is None:
        return "That database stays on the slot that is swapped out, until something else is deployed there."
    return f"{'Kept' if _anything(release) else 'Its database is kept'} as backup {escape(backup.id)}."


def _anything(release: Release) -> bool:
    written = release.facts.left_behind
    return written is None or written.anything


def waiting(release: Release, approval: Approval | None) -> str:
    """Where a rollback stands that waits for its answer; escaped."""
    until = f" until {when(approval.expires_at)}" if approval else ""
    return (
        f"Waiting for a decision{until}: roll back, or keep {escape(release.from_version or 'what is there')}. "
        "See its price in the release's thread; production is untouched."
    )


def kept(release: Release, approval: Approval | None) -> str:
    """Who decided to keep the newer version; escaped."""
    by = person(approval.decided_by) if approval and approval.decided_by else "Somebody"
    return f"{by} decided to keep {escape(release.from_version or 'what is there')}."


def confirmed(release: Release, verdict: Verdict) -> str:
    """The answer to who decided; escaped."""
    if verdict is Verdict.APPROVED:
        return f":white_check_mark: {release_title(release)} goes ahead; follow it in the thread."
    runs = escape(release.from_version or "what is there")
    return f":no_entry_sign: You keep {runs}. {release_title(release)} is over, and production is untouched."


def confirmed_by(approval: Approval | None) -> str:
    """`, confirmed by @ben`; empty where nobody was asked."""
    if approval is None or approval.verdict is not Verdict.APPROVED:
        return ""
    return f", confirmed by {person(approval.decided_by)}"


def confirming_buttons(release: Release, approval: Approval, of: str = "") -> tuple[ButtonElement, ...]:
    """Roll back or keep, while there is something to decide. `of` tells them apart where there are several."""
    if approval.verdict is not Verdict.PENDING:
        return ()
    own = release.kind is not Kind.SWAP_BACK
    written = release.facts.left_behind
    cost = "What was written since is not known." if written is None else f"Left behind: {written.words}."
    shared = release.kind is Kind.ROLLBACK_SHARED
    whose = "the database of before, from a dump" if shared else "its own database"
    ask = confirm(
        f"Roll {release.site} back?",
        f"Production goes back to {escape(release.version or 'the old version')}"
        + (f" and {whose}. {escape(clip(cost, 150))}" if own else "; the database stays as it is."),
        "Roll back",
    )
    return (
        button("Roll back", f"confirm_rollback{of}", approval.id, "danger", ask),
        button("Keep", f"keep_version{of}", approval.id),
    )
