"""A fleet upgraded in waves, on one, two and four replicas: what a site costs, and whether later waves cost more.

A small one in the usual run; the whole one takes longer than all else together.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from bench.figures import Curve, Measured, Plot
from bench.place import Place
from bench.waves import BROKE_OFF, Live, Wave, a_fleet
from tests.postgres import Postgres, a_postgres

REPLICAS = (1, 2, 4)
USUAL, USUAL_QUICK = (2, 12), (2, 3)
WHOLE, WHOLE_QUICK = (20, 50), (4, 3)
"""Waves, and sites in each."""


@dataclass
class Run:
    """What came of all waves on so many replicas: those that were staged, and of some, seconds until they were live.

    `lost` says why there is nothing of a wave.
    """

    replicas: int
    waves: dict[int, Wave] = field(default_factory=dict)
    live: dict[int, Live] = field(default_factory=dict)
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
    waves, each = USUAL_QUICK if place.quick else USUAL
    found, _ = await _measured(place, waves, each)
    sites = WHOLE[0] * WHOLE[1]
    found.notes.append(f"`--only whole-fleet` is the same with {sites:,} sites in {WHOLE[0]} waves.")
    return found


async def measure_whole(place: Place) -> Measured:
    """As `measure`, with 1,000 sites, and pictures of what a wave takes."""
    waves, each = WHOLE_QUICK if place.quick else WHOLE
    found, runs = await _measured(place, waves, each)
    found.plots += [
        _plot(runs, "fleet-waves", f"Waves of {each} sites", "seconds", lambda wave: wave.seconds),
        _plot(
            runs,
            "fleet-processor",
            "The bots' processor time",
            "seconds a site",
            lambda wave: wave.processor / wave.sites,
        ),
    ]
    return found


async def _measured(place: Place, waves: int, each: int) -> tuple[Measured, list[Run]]:
    count = waves * each
    found = Measured(f"A fleet of {count:,} sites, in {waves} waves of {each}")
    runs: list[Run] = []
    with a_postgres() as postgres:
        for replicas in REPLICAS:
            run = Run(replicas)
            try:
                await _in_waves(place, postgres, run, waves, each)
            except BROKE_OFF as error:
                run.lost.append(str(error))
            _tell(found, run, count)
            if run.waves:
                runs.append(run)
    found.notes.append(
        "Each wave is asked for at once and staged, without delays of Azure's. The first and the last are approved, "
        "site by site as the questions come, and go live; the others go on waiting. Then the processes of the wave's "
        "sites are stopped. What is made once for a version is there before. Replicas share this machine's processors "
        "with the sites and with App Service, so their times say little of machines of their own; what can be read "
        "from this is what a site costs the bots, and whether that grows."
    )
    return found, runs


def _plot(runs: list[Run], file: str, title: str, unit: str, of: Callable[[Wave], float]) -> Plot:
    curves = (
        Curve(_named(run.replicas), tuple(map(float, run.waves)), tuple(map(of, run.waves.values())))
        for run in runs
    )
    return Plot(file, title, "wave", unit, tuple(curves))


async def _in_waves(place: Place, postgres: Postgres, run: Run, waves: int, each: int) -> None:
    """Wave after wave; one that is lost does not take the others with it, in a run that nobody watches."""
    sites = [f"site{number}" for number in range(waves * each)]
    async with a_fleet(place, postgres, run.replicas, sites) as fleet:
        for number in range(1, waves + 1):
            wave = sites[(number - 1) * each : number * each]
            try:
                run.waves[number] = staged = await fleet.wave(wave, commands=1)
                if number in (1, waves):
                    run.live[number] = await fleet.go_live(staged)
            except BROKE_OFF as error:
                run.lost.append(f"wave {number}: {error}")
                place.tell(run.lost[-1])
            with suppress(*BROKE_OFF):  # as far as the sandbox can
                await fleet.leave(wave)


def _tell(found: Measured, run: Run, count: int) -> None:
    name = f"all of {count:,} sites staged, replicas: {run.replicas}"
    for why in run.lost:
        found.lacks(name, why, "all staged")
    if not run.waves:
        return
    done = list(run.waves.values())
    found.add(
        name if run.sites == count else f"{run.sites:,} of {name.removeprefix('all of ')}",
        f"{run.seconds:.0f} s; first wave {done[0].seconds:.0f} s, last {done[-1].seconds:.0f} s; the bots' "
        f"processor time a site {run.processor:.2f} s, in the first {done[0].processor / done[0].sites:.2f} s, in the "
        f"last {done[-1].processor / done[-1].sites:.2f} s; spread {' + '.join(map(str, run.spread))}",
        seconds=run.seconds,
        first_seconds=done[0].seconds,
        last_seconds=done[-1].seconds,
        processor_a_site=run.processor,
    )
    for number, live in run.live.items():
        sites = run.waves[number].sites
        found.add(
            f"wave {number} approved until all of its {sites} sites are live, replicas: {run.replicas}",
            f"{live.seconds:.0f} s; the bots' processor time a site {live.processor / sites:.2f} s",
            seconds=live.seconds,
            processor_a_site=live.processor / sites,
        )


def _named(replicas: int) -> str:
    return f"{replicas} replicas" if replicas > 1 else "1 replica"
