"""Late writes as people see them: what came late, what can be carried over, and what is left out and why."""

from slack_sdk.models.blocks import ButtonElement

from bot.render.message import button, clip, confirm, escape
from release.model import Kind, LateWrites, Release

LINES = 10


def late_lines(release: Release) -> str:
    """What of a live release's late writes can be carried over and what cannot; escaped, empty where none came."""
    late = release.facts.late
    if late is None:
        return ""
    if release.facts.carried_over_by:
        return f"Carried over by release {escape(release.facts.carried_over_by)}."
    if not late.anything:
        return _listed("None of it can be carried over without a guess", late.left_out)
    lines = [_listed("Can be carried over", _safe(late)), _listed("Left out", late.left_out)]
    return "\n".join(line for line in lines if line)


def carry_button(release: Release) -> ButtonElement | None:
    """The one button for them; None where nothing is safe to carry or somebody has."""
    late = release.facts.late
    if late is None or not late.anything or release.facts.carried_over_by:
        return None
    ask = confirm(
        f"Carry the late writes over on {release.site}?",
        "Production's database and what came late are merged on staging, tested, and you are asked before it goes "
        f"live. Staging then no longer holds {release.from_version or 'the version before'}.",
        "Carry over",
    )
    return button("Carry over", "carry", release.id, None, ask)


def what_is_carried(release: Release) -> str:
    """For the people who approve: exactly what is carried, and what not and why; escaped, empty for others."""
    carries = release.facts.carries
    if release.kind is not Kind.CARRY_OVER or carries is None:
        return ""
    lines = [_listed("*Carried over*", _safe(carries)), _listed("*Left out*", carries.left_out)]
    kept = f"All of it is kept in backup {escape(carries.late.id)}."
    return "\n".join([*(line for line in lines if line), kept])


def _safe(late: LateWrites) -> tuple[str, ...]:
    return (*late.carried, *(f"file added: {path}" for path in late.files))


def _listed(title: str, lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    shown = [f"\u2022 {escape(clip(line, 200))}" for line in lines[:LINES]]
    more = [f"\u2022 and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return "\n".join([f"{title}:", *shown, *more])
