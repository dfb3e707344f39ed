"""A fleet upgraded in waves, on one, two and four replicas: what a site costs, and whether later waves cost more."""

from dataclasses import dataclass, field

from bench.figures import Curve, Measured, Plot
from bench.place import Place
from bench.waves import BROKE_OFF, Wave, a_fleet
from tests.postgres import Postgres, a_postgres

REPLICAS = (1, 2, 4)
USUAL, QUICK, FULL = (2, 12), (2, 3), (20, 50)
"""Waves, and sites in each."""


@dataclass
class Staged:
    """What came of all waves on so many replicas. `lost` says why there is nothing of a wave."""

    replicas: int
    waves: dict[int, Wave] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    @property
    def sites(self) -> int:
        return sum(wave.sites for wave in self.waves.values())

    @property
    def seconds(self) -> float:
        return sum(wave.seconds for wave in self.waves.values())

    @property
    def processor(self) -> float:
        """Of the bots, a site."""
        return sum(wave.processor for wave in self.waves.values()) / self.sites

    @property
    def spread(self) -> list[int]:
        """Of each wave the most that one replica had, the next, and so on."""
        return [sum(ranked) for ranked in zip(*(wave.spread for wave in self.waves.values()), strict=True)]


async def measure(place: Place) -> Measured:
    """The same fleet three times, from the beginning, with the real engine and sites that are real processes."""
    waves, each = QUICK if place.quick else FULL if place.full else USUAL
    count = waves * each
    found = Measured(f"A fleet of {count:,} sites, staged in {waves} waves of {each}")
    fleets: list[Staged] = []
    with a_postgres() as postgres:
        for replicas in REPLICAS:
            staged = Staged(replicas)
            try:
                await _in_waves(place, postgres, staged, waves, each)
            except BROKE_OFF as error:
                staged.lost.append(str(error))
            _tell(found, staged, count)
            if staged.waves:
                fleets.append(staged)
    found.plots += [
        Plot(
            "fleet-waves",
            f"Waves of {each} sites",
            "wave",
            "seconds",
            tuple(
                Curve(
                    _named(staged.replicas),
                    tuple(map(float, staged.waves)),
                    tuple(wave.seconds for wave in staged.waves.values()),
                )
                for staged in fleets
            ),
        ),
        Plot(
            "fleet-processor",
            "The bots' processor time",
            "replicas",
            "seconds a site",
            (
                Curve(
                    "seconds a site",
                    tuple(float(staged.replicas) for staged in fleets),
                    tuple(staged.processor for staged in fleets),
                ),
            ),
        ),
    ]
    found.notes.append(
        "Each site is staged up to the question whether it may go live, without delays of Azure's; those of earlier "
        "waves go on waiting for the answer, with their processes stopped. What is made once for a version is there "
        "before. Replicas share this machine's processors with the sites and with App Service, so their times say "
        "little of machines of their own; what can be read from this is what a site costs the bots, and whether that "
        "grows. "
        + (
            ""
            if place.full
            else f"This run was {count} sites; `--full` stages {FULL[0] * FULL[1]:,} in {FULL[0]} waves. "
            "Nothing here is extrapolated."
        )
    )
    return found


async def _in_waves(place: Place, postgres: Postgres, staged: Staged, waves: int, each: int) -> None:
    """Wave after wave; one that is lost does not take the others with it, in a run that nobody watches."""
    sites = [f"site{number}" for number in range(waves * each)]
    async with a_fleet(place, postgres, staged.replicas, sites) as fleet:
        for number in range(1, waves + 1):
            wave = sites[(number - 1) * each : number * each]
            try:
                staged.waves[number] = await fleet.wave(wave)
                await fleet.leave(wave)
            except BROKE_OFF as error:
                staged.lost.append(f"wave {number}: {error}")
                place.tell(staged.lost[-1])


def _tell(found: Measured, staged: Staged, count: int) -> None:
    name = f"all of {count:,} sites staged, replicas: {staged.replicas}"
    for why in staged.lost:
        found.add(name, f"not measured: {why[:300]}", "all staged", False)
    if not staged.waves:
        return
    done = list(staged.waves.values())
    found.add(
        name if staged.sites == count else f"{staged.sites:,} of {name.removeprefix('all of ')}",
        f"{staged.seconds:.0f} s; first wave {done[0].seconds:.0f} s, last {done[-1].seconds:.0f} s; the bots' "
        f"processor time a site {staged.processor:.2f} s; spread {' + '.join(map(str, staged.spread))}",
        seconds=staged.seconds,
        first_seconds=done[0].seconds,
        last_seconds=done[-1].seconds,
        processor_a_site=staged.processor,
    )


def _named(replicas: int) -> str:
    return f"{replicas} replicas" if replicas > 1 else "1 replica"
