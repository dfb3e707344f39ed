"""50 releases at once over PostgreSQL: on three replicas, beside the same on one."""

from bench.figures import Measured, median
from bench.place import Place
from bench.waves import COMMAND, COMMANDS_AT_ONCE, Wave, a_fleet
from tests.postgres import a_postgres

AT_ONCE, QUICK_AT_ONCE = 50, 9
REPLICAS = 3


async def measure(place: Place) -> Measured:
    """The same wave twice, with fresh sites each time."""
    count = QUICK_AT_ONCE if place.quick else AT_ONCE
    found = Measured(f"{count} releases at once over PostgreSQL")
    sites = [f"site{number}" for number in range(count)]
    waves = []
    with a_postgres() as postgres:
        for replicas in (1, REPLICAS):
            async with a_fleet(place, postgres, replicas, sites) as fleet:
                waves.append(await fleet.wave(sites))
    _tell(found, *waves)
    found.notes.append(
        f"{count} sites are asked for at once and staged, up to the question: the Ghost-shaped site, without delays of "
        f"Azure's, fresh sites for each of the two. From when the first of them runs `{COMMAND}` is typed "
        f"{COMMANDS_AT_ONCE} times at once, every two seconds. A step's overhead is the time from the end of the one "
        "before, as the engine has it, until the records say that the next has begun. Everything shares this machine's "
        "processors: bots, sites, App Service, Slack and PostgreSQL, so replicas add no processor here, and the time "
        "of the whole says little."
    )
    return found


def _tell(found: Measured, one: Wave, several: Wave) -> None:
    name = f"{several.sites} releases on {several.replicas} replicas"
    for wave in (one, several):
        judged = wave is several
        found.add(
            f"overhead of a step, {wave.sites} releases on {_replicas(wave)}",
            f"median {wave.overhead_ms:.0f} ms, nine of ten under {wave.p90_overhead_ms:.0f} ms; of one release "
            f"alone median {median(wave.overheads_alone):.0f} ms",
            "under 20 ms" if judged else "",
            wave.overhead_ms < 20 if judged else None,
            median_ms=wave.overhead_ms,
            p90_ms=wave.p90_overhead_ms,
            alone_ms=median(wave.overheads_alone),
            steps=len(wave.overheads),
        )
    found.add(
        f"`{COMMAND}` acknowledged, {name}",
        f"median {several.median_ms:.0f} ms, p99 {several.p99_ms:.0f} ms; on one {one.median_ms:.0f} ms, "
        f"p99 {one.p99_ms:.0f} ms",
        "no slower than with one",
        several.median_ms <= one.median_ms and several.p99_ms <= one.p99_ms,
        median_ms=several.median_ms,
        p99_ms=several.p99_ms,
        one_median_ms=one.median_ms,
        one_p99_ms=one.p99_ms,
        commands=len(several.answers),
    )
    fair = several.sites / several.replicas
    found.add(
        f"how {name} are spread",
        f"{' + '.join(map(str, several.spread))}",
        f"each replica at least half of its share of {fair:.0f}",
        several.spread[-1] >= fair / 2,
        least=several.spread[-1],
        most=several.spread[0],
    )
    found.add(
        "until all of them wait for approval",
        f"{several.seconds:.0f} s on {_replicas(several)}, {one.seconds:.0f} s on {_replicas(one)}; the bots' "
        f"processor time {several.processor:.0f} s and {one.processor:.0f} s",
        seconds=several.seconds,
        one_seconds=one.seconds,
    )


def _replicas(wave: Wave) -> str:
    return f"{wave.replicas} replicas" if wave.replicas > 1 else "1 replica"
