"""The answer to a check: every site, what was looked at, and what to do about what is not well."""

from slack_sdk.models.blocks import Block

from bot.render.message import Message, escape, message, section
from release.checking import Finding, Outcome, SiteChecked

SIGNS = {
    Outcome.GOOD: ":white_check_mark:",
    Outcome.WARNING: ":warning:",
    Outcome.PROBLEM: ":x:",
}
BLOCKS_SHOWN = 45


def checked(sites: tuple[SiteChecked, ...]) -> Message:
    """One section a finding that needs words, one for all that is well."""
    blocks: list[Block] = []
    told = []
    for site in sites:
        title = f"*{escape(site.site)}*: {_verdict(site)}"
        good = [one for one in site.findings if one.outcome is Outcome.GOOD]
        bad = [one for one in site.findings if one.outcome is not Outcome.GOOD]
        lines = [title, *(_line(one) for one in good)]
        blocks += [section("\n".join(lines)), *(section(_line(one)) for one in bad)]
        told += [*lines, *(_line(one) for one in bad)]
    return message("\n".join(told), *blocks[:BLOCKS_SHOWN])


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
