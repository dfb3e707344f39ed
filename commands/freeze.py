"""/ghost freeze [SITE] [until WHEN | for HOW LONG] [REASON]: nothing new goes live for a while."""

from dataclasses import dataclass
from datetime import datetime

from commands.command import Command, Frozen, Group, Request, Role, UsageError, Words, closest, known_site
from commands.moment import duration_of, moment, names_duration, names_moment, zone_of
from release.releases import Releases


@dataclass(frozen=True)
class Freeze:
    """`words` are those before until or for: a site, perhaps, and a reason. `until` and `lasts` as they were typed.

    `site` is meant where the words name none; None means all.
    """

    words: tuple[str, ...]
    until: tuple[str, ...] = ()
    lasts: tuple[str, ...] = ()
    site: str | None = None


def parse(words: Words) -> Freeze:
    """What ends it may come before the reason or after it; a reason's own “until we know more” does not end it.

    What somebody means as a time is one, or is refused: as a part of the reason it would be frozen for good.
    """
    for place, word in enumerate(words.given):
        early, rest = place < 3, words.given[place + 1 :]
        if word.lower() == "until" and (early or names_moment(rest)):
            return Freeze(words.given[:place], until=_needed(rest, word.lower()))
        if word.lower() == "for" and ((early and rest and rest[0][0].isdigit()) or names_duration(rest)):
            return Freeze(words.given[:place], lasts=rest)
    return Freeze(words.given)


def _needed(words: tuple[str, ...], word: str) -> tuple[str, ...]:
    if not words:
        raise UsageError(f"Say {word} when: 22:00, tomorrow 6:00, friday or 2026-12-24.")
    return words


async def run(freeze: Freeze, request: Request, releases: Releases) -> Frozen:
    named, before = _site_first(freeze.words, releases.sites)
    until: datetime | None = None
    rest: tuple[str, ...] = ()
    if freeze.until:
        until, rest = moment(freeze.until, request.now, zone_of(request.zone))
    elif freeze.lasts:
        lasts, rest = duration_of(freeze.lasts)
        until = request.now + lasts
    reason = " ".join((*before, *rest)).removeprefix("because ")[:300]
    return Frozen(await releases.freeze(named or freeze.site, request.by, until, reason))


def _site_first(words: tuple[str, ...], sites: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The site that the first word names, if it does, and the other words. UsageError for one that is nearly a site."""
    if not words:
        return None, ()
    if words[0].lower() in [site.lower() for site in sites] or (len(words) == 1 and closest(words[0], sites)):
        return known_site(words[0], sites), words[1:]
    return None, words


COMMAND = Command(
    name="freeze",
    usage="freeze [SITE] [until WHEN | for HOW LONG] [REASON]",
    summary="Keep new versions out of production for a while; rollbacks stay possible",
    example="freeze blog until friday 18:00 the conference",
    needs=Role.EITHER,
    group=Group.STEER,
    parse=parse,
    run=run,
)
