"""The approval card: what will change, shown to the people who decide."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, ButtonElement

from bot.render.backups import back_in_time
from bot.render.difference import differs_line
from bot.render.freezes import freeze_in_words
from bot.render.late import what_is_carried
from bot.render.message import (
    Message,
    audience,
    button,
    buttons,
    clip,
    confirm,
    context,
    duration,
    escape,
    fields,
    header,
    image,
    message,
    person,
    section,
    when,
)
from bot.render.notes import what_is_new
from bot.render.schema import schema_lines
from bot.render.standing import untouched
from bot.render.words import release_title
from release.ghost.database import MUST_NOT_SHRINK
from release.model import (
    Approval,
    ContentSynced,
    Kind,
    Looks,
    MigrationDone,
    PageCompared,
    Picture,
    Release,
    Stacks,
    ThemeChecked,
    Verdict,
)

RELEASE_NOTES = "https://github.com/TryGhost/Ghost/releases/tag/v{0}"
CHANGES = "https://github.com/TryGhost/Ghost/compare/v{0}...v{1}"
BREAKING = "https://docs.ghost.org/changes"
TABLES_SHOWN = 12
THEME_WARNINGS_SHOWN = 5
NAMES_SHOWN = 3
DECIDED_WORDS = {
    Verdict.APPROVED: "Approved",
    Verdict.REJECTED: "Rejected",
    Verdict.EXPIRED: "Expired",
    Verdict.CANCELLED: "Cancelled",
}


def card(
    release: Release, approval: Approval, approvers: Sequence[str], pictures: Sequence[Picture] = ()
) -> Message:
    """The question while it is open, and who decided what and when afterwards."""
    candidate = release.facts.candidate
    before = candidate.source_version if candidate else release.from_version
    target = candidate.version if candidate else release.version
    change = change_of(release)
    asking = approval.verdict is Verdict.PENDING
    if asking:
        title = f"Approve {release.site}: {change}?"
        who = f"{person(release.asked_by)} asks for approval."
        if approvers:
            who += f" {audience(approvers)}, please decide by {when(approval.expires_at)}."
            who += _votes(approval)
        else:
            who += " Nobody is set as approver, so nobody can: add approvers to the bot's settings."
    else:
        title = f"{DECIDED_WORDS[approval.verdict]}: {release.site} {change}"
        who = f"{decided_line(approval)}\nAsked for by {person(release.asked_by)}."
    rows = migration_line(release.facts.migration) or schema_lines(release)
    back = back_in_time(release) or what_is_carried(release)
    pages = "\n".join(filter(None, (pages_line(release.facts.pages), looks_line(release.facts.looks))))
    new = what_is_new(release.facts.new)
    artefact = release.facts.artefact_asked
    warnings = [f":warning: Warning: {escape(text)}" for text in warnings_of(release)]
    held = _frozen(release, approval)
    way = (release.from_version, *(stop.version for stop in release.facts.stops), target)
    leap = _leap(release, before, target)
    blocks: list[Block | None] = [
        header(title),
        section(who),
        section(held) if held else None,
        fields(
            ("Version", escape(change)),
            ("The database's way", escape(" → ".join(part or "?" for part in way)))
            if release.facts.stops
            else None,
            leap,
            _node(release.facts.stacks),
            ("Try staging", f"<{escape(candidate.staging_url)}>")
            if candidate and asking and release.kind is not Kind.DEPLOY_ASKING_FIRST
            else None,
            ("Artefact", escape(clip(artefact.shown, 200))) if artefact else None,
            ("Release notes", f"<{RELEASE_NOTES.format(escape(target))}|Ghost {escape(target)}>")
            if target and _is_of_ghost(release, target)
            else None,
            ("Caught up with production", when(release.facts.caught_up_at))
            if release.facts.caught_up_at
            else None,
        ),
        section("\n".join(warnings)) if warnings else None,
        section(back) if back else None,
        section(f"*What is new*\n{new}") if new else None,
        section(f"*Database*\n{rows}") if rows else None,
        section(f"*Pages, staging against production*\n{pages}") if pages else None,
        *(image(one.title, one.alt_text, one.file) for one in pictures),
        buttons(*deciding_buttons(release, approval)),
        context(
            f"Release {escape(release.id)}."
            + (" Exactly what was tested goes live: if it changes, it is not swapped." if asking else "")
        ),
    ]
    between = f"In between: {leap[1]}." if leap else ""
    told = (escape(title), who, held, between, *warnings, back, rows, pages, new)
    text = "\n".join(part for part in told if part)
    return message(text, *blocks)


def _frozen(release: Release, approval: Approval) -> str:
    """What keeps it from being approved now."""
    freeze = release.facts.frozen
    if freeze is None or approval.verdict is not Verdict.PENDING:
        return ""
    late = freeze.until is None or freeze.until >= approval.expires_at
    expires = (
        " If it is not lifted earlier, this question expires first: start the release again then."
        if late
        else ""
    )
    words = freeze_in_words(freeze)
    return f":snowflake: *Frozen* {words}. Until then it cannot be approved; it can be rejected.{expires}"


def reminder(release: Release, approval: Approval, approvers: Sequence[str]) -> Message:
    """Asked again in the channel, since nobody has answered for a while."""
    who = person(release.asked_by) if release.kind.goes_back or not approvers else audience(approvers)
    text = (
        f":bell: {who}: {release_title(release)} has waited for a decision since {when(approval.asked_at, '{time}')}. "
        f"Decide in its thread by {when(approval.expires_at)}; after that it is over. {untouched(release)}"
    )
    return message(text, section(text))


def broken_glass(release: Release, approval: Approval) -> Message | None:
    """The channel is told who put it live alone, and why; None where nobody did."""
    if approval.why_alone is None:
        return None
    text = (
        f":rotating_light: {person(approval.decided_by)} broke the glass: {release_title(release)} goes live on "
        f"their word alone. Reason: {escape(approval.why_alone)}"
    )
    return message(text, section(text))


def no_longer_asked(release: Release, approval: Approval) -> Message:
    """What becomes of the reminder once there is an answer."""
    text = f":bell: {release_title(release)} waited for a decision. {decided_line(approval)}"
    return message(text, section(text))


def _votes(approval: Approval) -> str:
    """How many it takes, where that is more than one, and who said yes so far."""
    if approval.needed == 1:
        return ""
    said_yes = f" {', '.join(map(person, approval.votes))} said yes." if approval.votes else ""
    return f" It takes {approval.needed} of you: {len(approval.votes)} so far.{said_yes}"


def warnings_of(release: Release) -> tuple[str, ...]:
    """What those who approve should know: of the site, its content, the package, and what Ghost says of the theme."""
    facts = release.facts
    built = facts.package.warnings if facts.package else ()
    return (*facts.warnings, *facts.warm_up, *built, *_of_theme(facts.theme), *_left_out(facts.content))


def _left_out(content: ContentSynced | None) -> tuple[str, ...]:
    left_out = content.left_out if content else ()
    if not left_out:
        return ()
    shown = ", ".join((*left_out[:NAMES_SHOWN], *(["..."] if len(left_out) > NAMES_SHOWN else [])))
    return (f"the SCM site does not give out {len(left_out)} files, so staging lacks them: {shown}",)


def _of_theme(theme: ThemeChecked | None) -> tuple[str, ...]:
    if theme is None:
        return ()
    told = [f"theme {theme.theme}: {text}" for text in theme.warnings[:THEME_WARNINGS_SHOWN]]
    more = len(theme.warnings) - len(told)
    return (*told, *([f"theme {theme.theme}: and {more} more of gscan {theme.gscan}"] if more else []))


def _leap(release: Release, before: str | None, target: str | None) -> tuple[str, str] | None:
    """How many versions are leapt over, where to read what they changed, and the majors, which may break things."""
    passes = release.facts.passes
    if not passes or before is None or target is None:
        return None
    first, last = escape(passes[0]), escape(passes[-1])
    told = f"1 version, {first}" if len(passes) == 1 else f"{len(passes)} versions, {first} to {last}"
    if _is_of_ghost(release, target):
        told += f": <{CHANGES.format(escape(before), escape(target))}|what changed>"
    majors = sorted({int(one.split(".")[0]) for one in (*passes, target)} - {int(before.split(".")[0])})
    if majors:
        told += f". :warning: Crosses into {' and '.join(f'Ghost {major}' for major in majors)}: "
        told += f"<{BREAKING}|breaking changes>"
    return "In between", told


def _node(stacks: Stacks | None) -> tuple[str, str] | None:
    """Which Node comes with the release, where that is another one, and what was done for it."""
    if stacks is None or (stacks.needed in (stacks.production, "") and not stacks.differ):
        return None
    change = f"{stacks.production or 'not set'} → {stacks.needed}"
    if stacks.production == stacks.needed:
        change = stacks.needed
    given = (
        f"staging's was set by this release (it was {stacks.staging})" if stacks.differ else "staging has it"
    )
    return "Node", escape(f"{change}: {given}; production gets it by the swap")


def _is_of_ghost(release: Release, target: str) -> bool:
    """Whether there are release notes of what goes live: a restore brings nothing new, an artefact has none."""
    is_new = release.kind not in (Kind.RESTORE, Kind.CARRY_OVER) and not release.kind.deploys
    return is_new and "@" not in target and not target.startswith("unmarked")


def decided_line(approval: Approval) -> str:
    """`Approved by @ben, today at 14:03.`"""
    word = DECIDED_WORDS.get(approval.verdict, "Undecided")
    if approval.verdict is Verdict.EXPIRED:
        return f"{word}: nobody decided before {when(approval.expires_at)}."
    by = f" by {deciders(approval)}" if approval.decided_by else ""
    at = f", {when(approval.decided_at)}" if approval.decided_at else ""
    why = approval.why_alone or approval.reason
    return f"{word}{by}{at}." + (f"\nReason: {escape(why)}" if why else "")


def deciders(approval: Approval) -> str:
    """Who decided; all who said yes, where it took several."""
    said_yes = approval.votes if approval.verdict is Verdict.APPROVED and approval.needed > 1 else ()
    named = " and ".join(map(person, dict.fromkeys((*said_yes, approval.decided_by))))
    return named if approval.why_alone is None else f"{named} alone, breaking the glass"


def migration_line(migration: MigrationDone | None) -> str:
    """Tables and rows before and after, those that changed by name; empty where nothing was migrated."""
    if migration is None:
        return ""
    fewer = {name: pair for name, pair in migration.rows.items() if pair[1] < pair[0]}
    lost = {name: pair for name, pair in fewer.items() if name in MUST_NOT_SHRINK}
    more = {name: pair for name, pair in migration.rows.items() if pair[1] > pair[0]}
    total = sum(before for before, _ in migration.rows.values())
    tables = "1 table" if len(lost) == 1 else f"{len(lost)} tables"
    words = f":warning: Rows lost in {tables}" if lost else "No content lost"
    lines = [
        f"{words}: {len(migration.rows)} tables with {total:,} rows, migrated from {escape(migration.from_version)} "
        f"to {escape(migration.to_version)}{_by(migration.stops)} in {duration(migration.seconds)}."
    ]
    # What a version tidies up by itself (api keys, tokens) is shown, but is no loss.
    tidied = {name: pair for name, pair in fewer.items() if name not in lost}
    changed = [*lost.items(), *tidied.items(), *more.items()]
    lines += [
        f"• {escape(name)}: {before:,} → {after:,} rows" for name, (before, after) in changed[:TABLES_SHOWN]
    ]
    if len(changed) > TABLES_SHOWN:
        lines.append(f"• and {len(changed) - TABLES_SHOWN} more tables")
    return "\n".join(lines)


def _by(stops: tuple[str, ...]) -> str:
    return f" by way of {escape(' and '.join(stops))}" if stops else ""


def pages_line(pages: tuple[PageCompared, ...]) -> str:
    """How many pages answer as they should, and which do not; empty where none was compared."""
    if not pages:
        return ""
    bad = [page for page in pages if not page.ok]
    slowest = max(page.milliseconds for page in pages)
    if bad:
        named = ", ".join(escape(page.path) for page in bad[:5])
        return f":warning: {len(bad)} of {len(pages)} tested are not as expected: {named}. Slowest {slowest:,} ms."
    return f"All {len(pages)} tested answer as expected, the slowest in {slowest:,} ms."


def looks_line(looks: Looks | None) -> str:
    """Which pages a visitor would find changed: by status, title and size; empty where none was compared."""
    if looks is None or not looks.compared:
        return ""
    if not looks.differing:
        return (
            f"All {looks.compared} compared, the sitemap's too, look as before: status, title and about the size. "
            "They are listed in the file below."
        )
    lines = [f":warning: {looks.differing} of {looks.compared} compared look different:"]
    lines += [f"• {differs_line(page)}" for page in looks.different]
    if looks.differing > len(looks.different):
        lines.append(f"• and {looks.differing - len(looks.different)} more")
    return "\n".join(lines)


def change_of(release: Release) -> str:
    """`6.50.0 → 6.65.0`, as it will be, unescaped."""
    candidate = release.facts.candidate
    before = candidate.source_version if candidate else release.from_version
    return f"{before or '?'} → {(candidate.version if candidate else release.version) or '?'}"


def deciding_buttons(release: Release, approval: Approval, of: str = "") -> tuple[ButtonElement, ...]:
    """Approve and Reject, while there is something to decide. `of` tells them apart where there are several."""
    if approval.verdict is not Verdict.PENDING:
        return ()
    change = change_of(release)
    comes = f"{escape(release.site)} goes from {escape(change)}. "
    if release.kind is Kind.RESTORE:
        comes = f"{escape(release.site)} goes back to a backup; what was written since is left behind. "
    if release.kind is Kind.CARRY_OVER:
        comes = f"{escape(release.site)} gets what came late to its last release. "
    stays = "Visitors keep being served; you can roll back with one click."
    if release.kind is Kind.DEPLOY_ASKING_FIRST:
        stays = "First the database is migrated, under the version that runs. A rollback will not undo that."
    if release.kind is Kind.UPGRADE_SHARED:
        stays = "Its database is migrated in place; going back puts it back from a dump."
    ask = confirm("Put this into production?", f"{comes}{stays}", "Approve")
    return (
        button("Approve", f"approve{of}", approval.id, "primary", ask),
        button("Reject", f"reject{of}", approval.id, "danger"),
    )
