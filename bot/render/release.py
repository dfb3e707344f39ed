"""A release under way: the message on top with its plan and its buttons, and the log of its thread."""

from datetime import datetime

from slack_sdk.models.blocks import (
    ButtonElement,
    PlanBlock,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
    TaskCardBlock,
)

from bot.render.approval import deciding_buttons
from bot.render.freezes import freeze_in_words
from bot.render.message import (
    Message,
    button,
    buttons,
    clip,
    clock_time,
    confirm,
    context,
    duration,
    escape,
    link_button,
    message,
    naming,
    person,
    section,
    when,
)
from bot.render.result import people_of, rollback_button, stop_old_button, who_took_it_back
from bot.render.rollback import confirming_buttons, kept, waiting
from bot.render.standing import untouched
from bot.render.watch import watch_buttons, watched_line
from bot.render.words import STATE_SIGNS, STATE_WORDS, STEP_TITLES, plan_of, release_title
from release.model import (
    Approval,
    Kind,
    Release,
    State,
    Step,
    StepRecord,
    StepState,
    WatchEnd,
)

TASK_STATUS = {
    StepState.PENDING: "pending",
    StepState.RUNNING: "in_progress",
    StepState.DONE: "complete",
    StepState.SKIPPED: "complete",
    StepState.FAILED: "error",
}
BEFORE_THE_SWAP = frozenset(
    {State.BACKING_UP, State.VERIFYING, State.STAGING, State.AWAITING_APPROVAL, State.MIGRATING}
)
TASK_TEXT = 1000


def parent(release: Release, approval: Approval | None = None, expected: datetime | None = None) -> Message:
    """The message a release is followed by: title, where it stands, every step, what can be done now."""
    title = release_title(release)
    now = state_line(release, approval)
    asked = f"Asked for by {person(release.asked_by)}, {when(release.asked_at, '{ago}')}"
    if expected is not None:
        usual = "asks for approval" if release.state is State.STAGING else "is over"
        asked += f" · usually {usual} at about {when(expected, '{time}')}"
    if release.ended_at is not None:
        asked = f"Asked for by {person(release.asked_by)}, took {_took(release)}"
    return message(
        f"{title}: {now}",
        section(f"*{title}*\n{now}", block_id=f"state:{release.id}"),
        _plan(release),
        context(f"{asked} · release {escape(release.id)}"),
        watch_buttons(release) or buttons(*_buttons(release, approval)),
    )


def _buttons(release: Release, approval: Approval | None) -> tuple[ButtonElement | None, ...]:
    """What can be done about it now; what no longer applies is gone."""
    if release.state is State.LIVE:
        return (rollback_button(release), stop_old_button(release))
    if approval is None or release.state is not State.AWAITING_APPROVAL:
        return (cancel_button(release),)
    if release.kind.goes_back:
        return confirming_buttons(release, approval)
    staging = release.facts.candidate.staging_url if release.facts.candidate else None
    tries = staging is not None and release.kind is not Kind.DEPLOY_ASKING_FIRST
    return (
        *deciding_buttons(release, approval),
        link_button("Try staging", f"open:{release.id}", staging) if staging and tries else None,
        cancel_button(release),
    )


def state_line(release: Release, approval: Approval | None = None) -> str:
    """One sentence on where the release stands, with a sign in front; escaped."""
    sign = STATE_SIGNS[release.state]
    version = escape(release.version) if release.version else "the new version"
    match release.state:
        case (
            State.BACKING_UP
            | State.VERIFYING
            | State.STAGING
            | State.PROMOTING
            | State.ROLLING_BACK
            | State.UNDOING
            | State.MIGRATING
        ):
            return watched_line(release) if release.is_watched else f"{sign} {_under_way(release)}"
        case State.AWAITING_APPROVAL if release.kind.goes_back:
            return f"{sign} {waiting(release, approval)}"
        case State.AWAITING_APPROVAL:
            return f"{sign} {_waiting(release, approval)}"
        case State.BACKED_UP | State.VERIFIED | State.MIGRATED_DOWN:
            return f"{sign} {STATE_WORDS[release.state].capitalize()}."
        case State.LIVE:
            return f"{sign} {_live(release, version)}"
        case State.ROLLED_BACK if release.kind.goes_back:
            return f"{sign} Rolled back: {escape(release.site)} runs {version} again."
        case State.ROLLED_BACK:
            runs = (
                f" {escape(release.site)} runs {escape(release.from_version)} again."
                if release.from_version
                else ""
            )
            return f"{sign} Taken back by {who_took_it_back(release)}.{runs}"
        case State.REJECTED if release.kind.goes_back:
            return f"{sign} {kept(release, approval)} Production is untouched."
        case State.REJECTED:
            by = f" by {person(approval.decided_by)}" if approval and approval.decided_by else ""
            return f"{sign} Rejected{by}. {untouched(release)}"
        case State.EXPIRED:
            return f"{sign} Nobody decided in time, so this release is over. {untouched(release)}"
        case State.CANCELLED:
            who = release.cancel_asked_by or (approval.decided_by if approval else None)
            by = f" by {person(who)}" if who else ""
            return f"{sign} Cancelled{by}. {untouched(release)}"
        case State.FAILED:
            return f"{sign} Failed: {naming(release.reason or 'see the thread', *people_of(release))}"


def _live(release: Release, version: str) -> str:
    site, by = escape(release.site), release.facts.superseded_by
    if by:
        return f"Was live: {site} ran {version} until {escape(by)} followed."
    return f"Live: {site} runs {version}."


def _waiting(release: Release, approval: Approval | None) -> str:
    until = f" until {when(approval.expires_at)}" if approval else ""
    if approval and approval.votes:
        until += f", {len(approval.votes)} of {approval.needed} said yes"
    if release.facts.frozen:
        until += f", and frozen {freeze_in_words(release.facts.frozen)}"
    told = f"Waiting for approval{until}. What changes is on the card in the thread"
    return f"{told}; {_lower(untouched(release))}"


def _lower(sentence: str) -> str:
    """As the second half of a sentence."""
    return sentence[:1].lower() + sentence[1:]


def _under_way(release: Release) -> str:
    steps = plan_of(release)
    running = [record for record in steps if record.state is StepState.RUNNING]
    if release.state is State.UNDOING or release.step(Step.UNDO).state is not StepState.PENDING:
        return f"Stopped; giving staging back what it was. {untouched(release)}"
    watch = release.facts.watch
    if watch is not None and watch.end is WatchEnd.TAKEN_BACK:
        why = f"as {person(watch.by)} asked" if watch.by else "since it is not well"
        return f"Swapping back to {escape(release.from_version or 'the version before')}, {why}."
    if release.cancel_asked_by:
        return f"Stopping before the next step, as {person(release.cancel_asked_by)} asked."
    if not running:
        done = sum(record.state in (StepState.DONE, StepState.SKIPPED) for record in steps)
        if done == len(steps):
            return "All steps are done, finishing."
        return "Starting." if done == 0 else f"{done} of {len(steps)} steps done, the next one is starting."
    names = " and ".join(f"*{STEP_TITLES[record.step]}*" for record in running)
    number = next(place for place, record in enumerate(steps, 1) if record is running[-1])
    began = [record.started_at for record in running if record.started_at]
    since = f", begun {when(min(began), '{ago}')}, at {clock_time(min(began))}" if began else ""
    return f"{names}: step {number} of {len(steps)}{since}."


def _took(release: Release) -> str:
    ended = release.ended_at or release.updated_at
    return duration((ended - release.asked_at).total_seconds())


def _plan(release: Release) -> PlanBlock:
    """All steps. The block keeps its id: with a new one Slack would fold the plan at every update."""
    steps = plan_of(release)
    done = sum(record.state in (StepState.DONE, StepState.SKIPPED) for record in steps)
    return PlanBlock(
        title=f"{done} of {len(steps)} steps done",
        tasks=[_task(record) for record in steps],
        block_id=f"plan:{release.id}",
    )


def _task(record: StepRecord) -> TaskCardBlock:
    said = " · ".join(part for part in (_detail(record), _time_taken(record)) if part)
    return TaskCardBlock(
        task_id=record.step.value,
        title=STEP_TITLES[record.step],
        status=TASK_STATUS[record.state],
        output=_plain_rich_text(said) if said else None,
    )


def _plain_rich_text(text: str) -> RichTextBlock:
    part = RichTextElementParts.Text(text=clip(text, TASK_TEXT))
    return RichTextBlock(elements=[RichTextSectionElement(elements=[part])])


def _detail(record: StepRecord) -> str:
    """What a step found, unescaped."""
    parts = ["not needed"] if record.state is StepState.SKIPPED else []
    if record.detail:
        parts.append(record.detail.removesuffix("."))
    return ", ".join(parts)


def _time_taken(record: StepRecord) -> str:
    """How long a step took, where that is worth a word."""
    if record.seconds is None or record.seconds < 0.1 or record.state is StepState.SKIPPED:
        return ""
    return duration(record.seconds)


def can_cancel(release: Release) -> bool:
    """Whether a cancel would still be heard: until the swap is asked for."""
    if release.state is State.PROMOTING:
        return release.step(Step.SWAP).state is StepState.PENDING
    return release.state in BEFORE_THE_SWAP


def cancel_button(release: Release, action: str = "cancel") -> ButtonElement | None:
    """None once nothing is left to cancel, or somebody has."""
    if not can_cancel(release) or release.cancel_asked_by:
        return None
    ask = confirm(
        "Cancel this release?",
        f"{release_title(release)} stops before its next step, and staging is given back what it was. "
        "Production stays as it is.",
        "Cancel the release",
        "Keep going",
    )
    return button("Cancel", action, release.id, "danger", ask)


def log_line(record: StepRecord) -> Message | None:
    """One line of the thread for a finished step; None while it has not ended."""
    signs = {
        StepState.DONE: (":white_check_mark:", "done"),
        StepState.SKIPPED: (":fast_forward:", "skipped"),
        StepState.FAILED: (":x:", "failed"),
    }
    if record.state not in signs:
        return None
    sign, word = signs[record.state]
    # "skipped" says that it was not needed.
    found = record.detail.removesuffix(".") if record.detail else ""
    took, detail = _time_taken(record), escape(found)
    if took:
        word += f" {'in' if record.state is StepState.DONE else 'after'} {took}"
    text = f"{sign} *{STEP_TITLES[record.step]}* {word}" + (f": {detail}" if detail else "")
    return message(text, section(text))
