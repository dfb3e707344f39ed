"""The answer to a check: every site, what was looked at, and what to do about what is not well; problems first."""

from slack_sdk.models.blocks import Block

from bot.render.message import SECTION, TEXT, Message, escape, message, section, whole
from release.checking import Finding, Outcome, SiteChecked

SIGNS = {
    Outcome.GOOD: ":white_check_mark:",
    Outcome.WARNING: ":warning:",
    Outcome.PROBLEM: ":x:",
}
BLOCKS_SHOWN = 45
ROOM_FOR_NAMES = 1000


def checked(sites: tuple[SiteChecked, ...], slash: str = "/ghost") -> Message:
    """One section a finding that needs words, one for all that is well. Of many sites what is well is only named."""
    ordered = sorted(sites, key=lambda one: (-one.count(Outcome.PROBLEM), -one.count(Outcome.WARNING)))
    blocks: list[Block] = []
    told: list[str] = []
    for site in ordered:
        title = f"*{escape(site.site)}*: {_verdict(site)}"
        lines = [title, *(_line(one) for one in site.findings if one.outcome is Outcome.GOOD)]
        blocks += [section("\n".join(lines)), *map(section, _bad(site))]
        told += [*lines, *_bad(site)]
    if len(blocks) > BLOCKS_SHOWN or len("\n".join(told)) > TEXT:
        return _of_many(ordered, slash)
    return message("\n".join(told), *blocks)


def _of_many(ordered: list[SiteChecked], slash: str) -> Message:
    parts = [
        whole(
            [f"*{escape(site.site)}*: {_verdict(site)}", *_bad(site)],
            SECTION,
            f"and {{}} more: `{slash} check {escape(site.site)}`",
        )
        for site in ordered
        if _bad(site)
    ]
    well = [escape(site.site) for site in ordered if not _bad(site)]
    more = f"and {{}} more that are not well: `{slash} check SITE`"
    shown = (
        parts
        if len(parts) <= BLOCKS_SHOWN
        else [*parts[:BLOCKS_SHOWN], more.format(len(parts) - BLOCKS_SHOWN)]
    )
    named = whole([f"All is well: {well[0]}", *well[1:]], ROOM_FOR_NAMES, "and {} more", ", ") if well else ""
    text = whole(parts, TEXT - ROOM_FOR_NAMES - 1, more) if parts else ""
    return message(
        "\n".join(one for one in (text, named) if one),
        *map(section, shown),
        section(named) if named else None,
    )


def _bad(site: SiteChecked) -> list[str]:
    return [_line(one) for one in site.findings if one.outcome is not Outcome.GOOD]


def _verdict(site: SiteChecked) -> str:
    problems, warnings = site.count(Outcome.PROBLEM), site.count(Outcome.WARNING)
    known = [
        f"{count} {word}{'s' * (count != 1)}"
        for count, word in ((problems, "problem"), (warnings, "warning"))
        if count
    ]
    return f"{', '.join(known)}. Nothing was changed." if known else "all is well."


def _line(one: Finding) -> str:
    remedy = f"\n{escape(one.remedy)}" if one.remedy else ""
    return f"{SIGNS[one.outcome]} {escape(one.what)}{remedy}"
