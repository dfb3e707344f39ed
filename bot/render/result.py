"""How a release ended, as the channel is told: with its proof, or with what went wrong and what to do."""

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
)

from bot.render.approval import deciders
from bot.render.late import carry_button, late_lines
from bot.render.message import (
    Message,
    button,
    buttons,
    clip,
    confirm,
    context,
    duration,
    escape,
    fields,
    message,
    naming,
    person,
    section,
    size,
    when,
)
from bot.render.rollback import confirmed_by, final_price, kept
from bot.render.schema import schema_stands, undo_button
from bot.render.standing import UNTOUCHED, by_hand, not_swapped, staging_of_a_failure, standing
from bot.render.swapped import routing_line, warmth
from bot.render.watch import left_on_new
from bot.render.words import STATE_SIGNS, release_title
from release.model import (
    Approval,
    Kind,
    ReadBack,
    Release,
    State,
    Step,
    StepState,
    Verdict,
)


def result(release: Release, approval: Approval | None = None) -> Message | None:
    """How the release ended, for the channel; None while it is open."""
    match release.state:
        case state if state.is_open:
            return None
        case State.BACKED_UP:
            return _backed_up(release)
        case State.VERIFIED:
            return _verified(release)
        case State.MIGRATED_DOWN:
            return _migrated_down(release)
        case State.LIVE:
            return _live(release, approval)
        case State.ROLLED_BACK:
            return _rolled_back(release, approval)
        case State.FAILED:
            return _failed(release)
        case _:
            return _stopped(release, approval)


def _backed_up(release: Release) -> Message:
    backup = release.facts.backup
    text = f":white_check_mark: {person(release.asked_by)} *{escape(release.site)} is backed up.*"
    if backup is None:
        return message(text, section(text))
    rows = sum(backup.rows.values())
    proof = (
        f"{size(backup.size)}, {len(backup.rows)} tables with {rows:,} rows, from Ghost {escape(backup.version)}. "
        f"The copy was opened and checked."
    )
    if release.facts.read_back:
        proof += f" {_booted(release.facts.read_back)}"
    return message(f"{text} {proof}", section(f"{text}\n{proof}"), context(f"Backup {escape(backup.id)}"))


def _verified(release: Release) -> Message:
    backup, read = release.facts.restores, release.facts.read_back
    text = f":white_check_mark: {person(release.asked_by)} *Backup {escape(release.backup or '')} is good.*"
    if backup is None or read is None:
        return message(text, section(text))
    proof = f"What was taken {when(backup.taken_at, '{ago}')} is still what is kept, byte for byte. {_booted(read)}"
    return message(f"{text} {proof}", section(f"{text}\n{proof}"), context("It is marked as verified."))


def _migrated_down(release: Release) -> Message:
    before, runs = escape(release.from_version or ""), escape(release.version or "")
    text = f":white_check_mark: {person(release.asked_by)} *The migration of {before} is undone.*"
    stands = f"Production runs {runs} and is well on the database as it is now."
    return message(f"{text} {stands}", section(f"{text}\n{stands}"))


def _booted(read: ReadBack) -> str:
    totals = "".join(f", {total:,} {escape(name)}" for name, total in read.totals.items())
    pages = f"/ and {escape(read.post)}" if read.post else "/"
    return (
        f"Ghost {escape(read.version)} was booted on a copy of it and served {pages}{totals}, "
        f"in {duration(read.seconds)}."
    )


def _live(release: Release, approval: Approval | None) -> Message:
    facts = release.facts
    before = facts.swap.before if facts.swap else release.from_version
    now = facts.swap.after if facts.swap else release.version
    title = f":tada: *{escape(release.site)} is live on {escape(now or 'the new version')}*"
    title += f" (before: {escape(before)})." if before else "."
    if release.kind is Kind.RESTORE:
        title = f":rewind: *{escape(release.site)} is live on {escape(now or 'the backup')}*, "
        title += f"as it was in backup {escape(release.backup or '')}."
    asker = f"Asked for by {person(release.asked_by)}"
    if approval and approval.verdict is Verdict.APPROVED:
        asker += f", approved by {deciders(approval)}"
    if release.kind is Kind.CARRY_OVER:
        title = f":tada: *{escape(release.site)} is live with the late writes*, on {escape(now or 'its version')}."
    proof = _proof(release)
    stays = _old_version(release)
    told = " ".join(part for part in (title, f"{asker}.", proof, stays) if part)
    blocks: list[Block | None] = [section(f"{title}\n{asker}.")]
    if proof:
        blocks.append(_proof_fields(release))
    since = "Written on the old version at the last moment, and not in production"
    if release.kind is Kind.RESTORE:
        since = "Written since that backup, and left behind"
    if facts.swap and facts.swap.unseen:
        unseen = f":warning: Visitors get it; its files could not be looked at: {escape(facts.swap.unseen)}"
        blocks.append(section(unseen))
        told = f"{told} {unseen}"
    if late := _left_behind(release, since):
        blocks.append(section(late))
        told = f"{told} {late}"
    if carried := late_lines(release):
        blocks.append(section(carried))
        told = f"{told} {carried}"
    if routed := routing_line(release):
        blocks.append(section(routed))
        told = f"{told} {routed}"
    if stays:
        blocks.append(context(stays))
    blocks.append(buttons(carry_button(release), rollback_button(release), stop_old_button(release)))
    return message(told, *blocks)


def _old_version(release: Release) -> str:
    """What becomes of the version of before on staging; empty where it may be gone, or nobody stops it."""
    facts = release.facts
    if facts.superseded_by or facts.old_version_gone_at:
        return ""
    if facts.old_slot_stopped_at:
        stopped = when(facts.old_slot_stopped_at)
        return f"The old version is stopped since {stopped}; a rollback starts it again."
    if facts.old_slot_stops_at:
        return f"The old version keeps running on staging until {when(facts.old_slot_stops_at)}."
    return ""


def rollback_button(release: Release) -> ButtonElement | None:
    """While production runs what this release put there, and staging what ran before. It asks, with its price."""
    over = release.facts.superseded_by or release.facts.old_version_gone_at
    return None if over else button("Rollback", "rollback", release.id, "danger")


def stop_old_button(release: Release) -> ButtonElement | None:
    """Ends the old version's grace, while it runs."""
    facts = release.facts
    if facts.old_slot_stops_at is None or facts.old_slot_stopped_at is not None or facts.superseded_by:
        return None
    ask = confirm(
        "Stop the old version?",
        "It costs nothing any more then. A rollback is still possible, but it has to be started first.",
        "Stop it",
    )
    return button("Stop the old version", "stop_old", release.id, asks=ask)


def _left_behind(release: Release, title: str) -> str:
    """What a swap left on the other slot, and where it is kept; empty where that is nothing."""
    written = release.facts.left_behind
    if written is None or not written.anything:
        return ""
    names = f" ({escape(clip(written.names, 300))})" if written.names else ""
    return f":warning: {title}: {escape(written.words)}{names}. Kept as backup {escape(written.backup)}."


def _proof(release: Release) -> str:
    """What visitors noticed, in one sentence."""
    probe, swap = release.facts.probe, release.facts.swap
    parts = []
    if probe:
        noticed = "none failed" if probe.failed == 0 else f"*{probe.failed} failed*"
        parts.append(
            f"Visitors during the swap: {probe.requests:,} requests, {noticed}, "
            f"slowest answer {probe.slowest_ms:,.0f} ms."
        )
    if swap:
        parts.append(
            f"The swap took {duration(swap.seconds)}, first answer after {swap.first_response_ms:,.0f} ms, "
            f"{warmth(release)}."
        )
    return " ".join(parts)


def _proof_fields(release: Release) -> Block:
    probe, swap, window = release.facts.probe, release.facts.swap, release.facts.write_window_seconds
    writes = _writes(release)
    return fields(
        ("Requests during the swap", f"{probe.requests:,} in {duration(probe.seconds)}") if probe else None,
        ("Failed", "none" if probe.failed == 0 else f":warning: {probe.failed:,}") if probe else None,
        ("Slowest answer", f"{probe.slowest_ms:,.0f} ms (half under {probe.median_ms:,.0f} ms)")
        if probe
        else None,
        ("Swap", duration(swap.seconds)) if swap else None,
        ("First answer afterwards", f"{swap.first_response_ms:,.0f} ms, {warmth(release)}") if swap else None,
        ("Last look at the database", f"{duration(window)} before the swap") if window is not None else None,
        ("Writes", writes) if writes else None,
    )


def _writes(release: Release) -> str:
    """Whether anything could be written at the last moment; empty where nobody asked for that."""
    facts = release.facts
    if facts.writes_closed_seconds is not None:
        return f"closed for {duration(facts.writes_closed_seconds)}, nothing could be written"
    if facts.writes_stay_open:
        return f":warning: {escape(clip(facts.writes_stay_open, 300))}"
    return ""


def _rolled_back(release: Release, approval: Approval | None) -> Message:
    if not release.kind.goes_back:
        # The rollback has a thread of its own; here the button gives way to who took it back.
        text = f":leftwards_arrow_with_hook: *{release_title(release)}* was live, and then taken back"
        text += f" by {who_took_it_back(release)}."
        late, routed = left_on_new(release), routing_line(release)
        return message(
            " ".join(part for part in (text, late, routed) if part),
            section(text),
            _proof_fields(release) if _proof(release) else None,
            section(late) if late else None,
            section(routed) if routed else None,
        )
    facts = release.facts
    now = facts.swap.after if facts.swap else release.version
    before = facts.swap.before if facts.swap else release.from_version
    text = (
        f":leftwards_arrow_with_hook: *{escape(release.site)} is back on {escape(now or 'its last version')}*"
    )
    text += f" (was {escape(before)})." if before else "."
    text += f"\nAsked for by {person(release.asked_by)}{confirmed_by(approval)}."
    proof = _proof(release)
    late, routed = final_price(release), routing_line(release)
    return message(
        " ".join(part for part in (text, proof, late, routed) if part),
        section(text),
        _proof_fields(release) if proof else None,
        section(late) if late else None,
        section(routed) if routed else None,
    )


def who_took_it_back(release: Release) -> str:
    """A rollback with a thread of its own, or a person who swapped back while it was watched."""
    watch = release.facts.watch
    if release.undone_by is None and watch is not None:
        return f"{person(watch.by)} while it was watched"
    return f"rollback {escape(release.undone_by or '')}"


def _failed(release: Release) -> Message:
    reason = naming(release.reason or "The release failed.", *people_of(release))
    stands = production_stands(release)
    remedy = escape(release.remedy or "Look at the bot's log for this release, then try again.")
    remedy = remedy.replace(UNTOUCHED, "").replace("  ", " ").strip() or "Start again whenever you like."
    title = f":x: *{release_title(release)} failed.* {person(release.asked_by)}"
    stands = "\n".join(
        part for part in (stands, schema_stands(release), staging_of_a_failure(release)) if part
    )
    late, routed = left_on_new(release), routing_line(release)
    return message(
        " ".join(part for part in (title, reason, stands, late, routed, remedy) if part),
        section(title),
        section(f"*What happened*\n{reason}"),
        section(f"*Where production stands*\n{stands}"),
        section(late) if late else None,
        section(routed) if routed else None,
        section(f"*What to do next*\n{remedy}"),
        undo_button(release),
    )


def production_stands(release: Release) -> str:
    """What a failed release leaves production in, in one sentence; escaped."""
    facts, swap = release.facts, release.facts.swap
    if facts.put_back:
        # After a swap that was asked for and is not known to be taken back, or one by hand, it says what is live.
        asked = facts.swap_token is not None or facts.condemned is not None
        is_old = swap.swapped_back if swap else not (asked or facts.production_now)
        runs = f"Production runs {escape(swap.before if swap else release.from_version or '?')}. "
        return f"{runs if is_old else ''}{escape(facts.put_back)}"
    if facts.production_now:
        return by_hand(release)
    if swap and swap.swapped_back:
        return f"Production was swapped back and runs {escape(swap.before)} again."
    if facts.condemned is not None:
        was = f"{escape(release.version or 'The new version')} was to be swapped back"
        return f"{was}, and how that ended is not known: look at the site's status before anything else."
    if swap:
        return f"Production runs {escape(swap.after)}."
    if release.facts.swap_token is None and release.step(Step.SWAP).state is StepState.PENDING:
        return not_swapped(release)
    return "The swap was begun: look at the site's status before anything else."


def _stopped(release: Release, approval: Approval | None) -> Message:
    words = {State.REJECTED: "rejected", State.EXPIRED: "not decided in time", State.CANCELLED: "cancelled"}
    by = release.cancel_asked_by if release.state is State.CANCELLED else None
    if approval and approval.decided_by and release.state in (State.REJECTED, State.CANCELLED):
        by = approval.decided_by
    text = f"{STATE_SIGNS[release.state]} *{release_title(release)}* was {words[release.state]}"
    text += f" by {person(by)}." if by else "."
    if release.kind.goes_back and release.state is State.REJECTED:
        text = f"{STATE_SIGNS[release.state]} *{release_title(release)}*: {kept(release, approval)}"
    if approval and approval.reason and release.state is not State.EXPIRED:
        text += f"\nReason: {escape(approval.reason)}"
    again = "start again whenever you like."
    # Who ended it themselves need not be called.
    text += f"\n{again.capitalize()}" if by == release.asked_by else f"\n{person(release.asked_by)}, {again}"
    stands = "\n".join(part for part in (standing(release), routing_line(release)) if part)
    return message(f"{text} {stands}", section(text), section(f"*Where things stand*\n{stands}"))


def people_of(release: Release) -> tuple[str | None, ...]:
    return (release.asked_by, release.cancel_asked_by)
