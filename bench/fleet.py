"""A fleet upgraded in waves, on one, two and four replicas: what a site costs, and whether later waves cost more."""

from bench.figures import Curve, Measured, Plot
from bench.place import Place
from bench.waves import Wave, a_fleet
from tests.postgres import a_postgres

REPLICAS = (1, 2, 4)
USUAL, QUICK, FULL = (2, 12), (2, 3), (20, 50)
"""Waves, and sites in each."""


async def measure(place: Place) -> Measured:
    """The same fleet three times, from the beginning, with the real engine and sites that are real processes."""
    waves, each = QUICK if place.quick else FULL if place.full else USUAL
    count = waves * each
    found = Measured(f"A fleet of {count:,} sites, staged in {waves} waves of {each}")
    fleets: dict[int, list[Wave]] = {}
    with a_postgres() as postgres:
        for replicas in REPLICAS:
            sites = [f"site{number}" for number in range(count)]
            async with a_fleet(place, postgres, replicas, sites) as fleet:
                for first in range(0, count, each):
                    wave = sites[first : first + each]
                    fleets.setdefault(replicas, []).append(await fleet.wave(wave))
                    await fleet.leave(wave)
    for replicas, done in fleets.items():
        found.add(
            f"all of {count:,} sites staged, replicas: {replicas}",
            f"{sum(wave.seconds for wave in done):.0f} s; first wave {done[0].seconds:.0f} s, last "
            f"{done[-1].seconds:.0f} s; the bots' processor time a site {_processor(done):.2f} s; spread "
            f"{' + '.join(map(str, _spread(done)))}",
            seconds=sum(wave.seconds for wave in done),
            first_seconds=done[0].seconds,
            last_seconds=done[-1].seconds,
            processor_a_site=_processor(done),
        )
    numbers = tuple(map(float, range(1, waves + 1)))
    found.plots += [
        Plot(
            "fleet-waves",
            f"Waves of {each} sites",
            "wave",
            "seconds",
            tuple(
                Curve(_named(replicas), numbers, tuple(wave.seconds for wave in done))
                for replicas, done in fleets.items()
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
                    tuple(map(float, fleets)),
                    tuple(_processor(done) for done in fleets.values()),
                ),
            ),
        ),
    ]
    found.notes.append(
        "Each site is staged up to the question whether it may go live, without delays of Azure's; those of earlier "
        "waves go on waiting for the answer, with their processes stopped. What is made once for a version is there "
        "before. Replicas share this machine's processors with the sites and with App Service, so more of them cannot "
        "be faster here; what can be read from this is what a site costs the bots, and that it does not grow. "
        + (
            ""
            if place.full
            else f"This run was {count} sites; `--full` stages {FULL[0] * FULL[1]:,} in {FULL[0]} waves. "
            "Nothing here is extrapolated."
        )
    )
    return found


def _processor(done: list[Wave]) -> float:
    return sum(wave.processor for wave in done) / sum(wave.sites for wave in done)


def _spread(done: list[Wave]) -> list[int]:
    """Of each wave the most that one replica had, the next, and so on."""
    return [sum(ranked) for ranked in zip(*(wave.spread for wave in done), strict=True)]


def _named(replicas: int) -> str:
    return f"{replicas} replicas" if replicas > 1 else "1 replica"
