"""What is going to happen, drawn from a seed: the same seed gives the same kills and the same people.

What cannot be repeated is the machine's timing: how far a release has come in the moment of a kill.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from random import Random
from typing import TypeVar

from release.model import Step

T = TypeVar("T")

CHANCE_OF_BLIND = 0.25
CHANCE_OF_START = 0.08
LONG_LIFE = 5
"""Every so many kills the bot lives until something is done, or a slow machine would never get on."""
WISHES = 4


class Moment(StrEnum):
    """Moments of a bot's life that are no steps."""

    STARTING = "starting"
    SWAP_ASKED = "swap under way"
    POSTED = "message posted"
    BLIND = "at any time"
    GOT_ON = "some steps further"


@dataclass(frozen=True)
class Kill:
    """When to kill: as soon as one of `wishes` is seen and `delay` seconds have passed, or after `patience` seconds.

    `steps`: how many steps of the engine are to be done before a moment counts as some steps further.
    """

    number: int
    wishes: frozenset[str]
    delay: float
    patience: float
    steps: int = 4


def kills_of_few(seed: int) -> Iterator[Kill]:
    """Kills without end for a site whose steps are long: evenly over the way of its releases, and some at any time."""
    chance = Random(f"{seed}/kills")  # noqa: S311 - it has to come out the same again
    for number in count(1):
        blind = chance.random() < CHANCE_OF_BLIND
        wish = Moment.BLIND if blind else Moment.GOT_ON
        yield Kill(number, frozenset({wish}), chance.uniform(0.1, 4.0), 60.0, 2)


def kills(seed: int) -> Iterator[Kill]:
    """Kills without end. Steps are wished for in turn, so that rare ones get their share."""
    chance = Random(f"{seed}/kills")  # noqa: S311 - it has to come out the same again
    turn: list[str] = []
    number = 0
    while True:
        number += 1
        if number % LONG_LIFE == 0:
            yield Kill(number, frozenset({Moment.GOT_ON}), chance.uniform(0.0, 3.0), 30.0)
            continue
        drawn = chance.random()
        if drawn < CHANCE_OF_START:
            yield Kill(number, frozenset({Moment.STARTING}), chance.uniform(0.1, 4.0), 0)
            continue
        if drawn < CHANCE_OF_START + CHANCE_OF_BLIND:
            yield Kill(number, frozenset({Moment.BLIND}), chance.uniform(0.1, 4.0), 0)
            continue
        while len(turn) < WISHES:
            more = [*map(str, Step), Moment.SWAP_ASKED, Moment.SWAP_ASKED, Moment.POSTED]
            chance.shuffle(more)
            turn += more
        wishes, turn = frozenset(turn[:WISHES]), turn[WISHES:]
        delay = chance.choice((0.0, 0.0, chance.uniform(0.02, 0.2), chance.uniform(0.2, 1.5)))
        yield Kill(number, wishes, delay, 6.0)


class Ask(StrEnum):
    """What somebody asks the bot for."""

    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    BACKUP = "backup"
    VERIFY = "verify"


class Answer(StrEnum):
    """How people treat the question that comes of it."""

    APPROVE = "approve"
    BOTH = "two approve at once"
    REJECT = "reject"
    CANCEL = "cancel"
    NOBODY = "nobody decides"


class Watch(StrEnum):
    """What people do while a release that is live is watched."""

    LET = "nothing"
    KEEP = "keep"
    BACK = "swap_back"


@dataclass(frozen=True)
class Episode:
    """One thing asked for on one site. `cancel_after` is in seconds, for those that are cancelled."""

    ask: Ask
    answer: Answer
    cancel_after: float
    by_button: bool
    watch: Watch


_ASKED_ON_OLD = {Ask.UPGRADE: 86, Ask.BACKUP: 9, Ask.VERIFY: 5}
_ASKED_ON_NEW = {Ask.ROLLBACK: 60, Ask.RESTORE: 30, Ask.BACKUP: 7, Ask.VERIFY: 3}
_ANSWERED = {Answer.APPROVE: 52, Answer.BOTH: 20, Answer.REJECT: 9, Answer.CANCEL: 13, Answer.NOBODY: 6}
_WATCHED = {Watch.LET: 60, Watch.KEEP: 20, Watch.BACK: 20}
_TAKEN_BACK = {Answer.APPROVE: 66, Answer.BOTH: 14, Answer.REJECT: 7, Answer.CANCEL: 9, Answer.NOBODY: 4}


class People:
    """What the people of one site want next, given what it runs."""

    def __init__(self, seed: int, site: str, hesitate: bool = True) -> None:
        self._chance = Random(f"{seed}/{site}")  # noqa: S311 - it has to come out the same again
        self._hesitate = hesitate

    def next(self, newest_is_live: bool) -> Episode:
        """Away from the old version by an upgrade, and back to it by a rollback or a restore.

        People who do not `hesitate` want nothing else, and all of it goes live.
        """
        if not self._hesitate:
            ask = self._drawn({Ask.ROLLBACK: 70, Ask.RESTORE: 30}) if newest_is_live else Ask.UPGRADE
            answer = self._drawn({Answer.APPROVE: 70, Answer.BOTH: 30})
            return Episode(ask, answer, 0, self._chance.random() < 0.5, Watch.LET)
        ask = self._drawn(_ASKED_ON_NEW if newest_is_live else _ASKED_ON_OLD)
        answer = self._drawn(_TAKEN_BACK if ask is Ask.ROLLBACK else _ANSWERED)
        watch = self._drawn(_WATCHED)
        return Episode(ask, answer, self._chance.uniform(0.5, 14), self._chance.random() < 0.5, watch)

    def _drawn(self, weights: Mapping[T, int]) -> T:
        return self._chance.choices(list(weights), list(weights.values()))[0]
