"""The page of the docs, written from the figures of a run: tables with targets, notes, and pictures."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bench.figures import in_words

INTRODUCTION = """\
# Measured

`make bench` measures the bot beside what people would use instead, prints these tables with their targets, and writes
`bench.json`. `make bench ARGS="--only answering"` measures one part (and leaves the others in the file as they were),
`ARGS="--quick"` is smaller and fewer, `ARGS="--only whole-fleet"` is a fleet of 1,000 sites, which takes an hour
and a half, and `ARGS="--json docs/bench.json --docs docs/bench.md --readme README.md"` writes this page, its
[figures](bench.json), and the table in the README. No figure is extrapolated.

Everything runs on one machine: the local App Service and the local Slack of [the sandbox](../sandbox/README.md), each
site a real process, the bot, and the other side of each comparison, in the same run. Where a table says so App Service
takes the time that Azure takes: 62 s a swap, 20 ms a call to SCM, 50 MB/s. Azure itself was not measured.
"""
TRIED = """\
## What was tried

- Fifty people who ask for a status at once: each made the bot look at every slot, acknowledgements came after three
  seconds, and Slack gave up. They share one look now. Many hundreds in a row, without a pause, still hold it up.
- Acknowledging all of many commands before the work on the first begins, and keeping Python's collector away from what
  a start has loaded (0.2 s each time): the p99 of 50 at once, while five releases run, fell from 427 ms to 207 ms. Work
  begins now when for 0.04 s no other command came, not after a fixed time: 115 ms, and 37 ms while nothing else runs.
- The engine's queue, looked at every 0.2 s: 3.7 % of a core at rest; every 0.8 s: 1.9 %. A bot that is alone has none
  any more, and the engine looks for delayed work and deadlines, which there are none of, every 30 s: 0.7 %.
- A backup was read through by each step that looked at it, 1 s for 200 MB each time. A file that is as it was is not
  read again: the last look fell from 2.1 x to 1.9 x of its floors.
- A new version is built as soon as it is out, so the upgrade takes it from the cache. What is left then is Azure's
  swap, 62 s, and 20 s for 1 GB of images at 50 MB/s. Content, where there is much, is copied while the server unpacks
  the package instead of afterwards, and the theme check and the migration do not wait for the list of its files: 124
  s became 108. Whether that is a quarter of the script is up to its npm install, which took 169 to 236 s: on two
  machines, four times, it was 0.251 to 0.278 of the script, and the cold one 0.463 to 0.499.
- The floors on the way of a whole upgrade held npm's install, which is none: by the lock file that Ghost ships the
  bot installs in less. With the bot's whole build in its place, most of it the driver that is compiled where no
  binary can be fetched, an upgrade is 1.15 x its floors. The 25 s beside them are the tests, the looks and the lists.
  Up to 20 s would be won by copying content while the version is built; that writes to staging before anybody knows
  that the release goes on, so it was not done.
- The last look with 200 MB was told as 1.65 x its floors, with the bot's own inspection among these. The migrator
  alone takes 0.2 s on the Ghost-shaped site (a real Ghost's takes one), the copy, fetched, 0.6 s. What takes the rest
  is what makes it safe: two digests of every table, SQLite's own check of the file, the start of staging and its
  test. None of it was left out.
- 200 sites that wait for approval cost 9 % of a core: every few seconds the bot read all of each release, with its
  steps and what it found out. It asks one question about all of them now, and they cost nothing beside what a bot
  at rest takes.
- Of many releases asked for at once the replica that looked first took all. Each takes two in one look now. The
  engine's own limit, of how much a replica has at a time, was not taken: a swap would wait for others that only watch.
- The records had to share eight threads with whatever packs, copies and digests; they have their own. On SQLite one is
  best: with eight, 200 looks at the history take twice as long, and what the engine writes 25 ms instead of 4.
- A third of what the bot worked while eight sites were staged at once went into httpcore, which looks at every idle
  connection before each request, and tries in vain to load a module, `sniffio`, several times. Each host has a pool of
  its own now, twenty that nothing is asked of keep theirs, and the module is there. With cheaper questions to the
  records a release takes 0.99 s of a processor instead of 1.45 s, with 24 at once 1.16 s instead of 1.54 s.
- Fifty releases at once on one bot started fifty theme checks and migrations. As many run at a time now as there are
  processors. With that and the less work, while 50 are staged on one bot a step's overhead is 148 ms instead of 350,
  and a command is acknowledged after 117 ms instead of 359. On three replicas it made no difference (72 ms, 841 ms):
  three bots, their programs, PostgreSQL and all sites share two processors, and each bot has turns of its own.
  Programs have a lower priority than the bot's since then, and threads that wait for their turn cost nothing: 52 ms and
  584 ms.
- The slowest of a thousand visitors is a matter of a single one: in one run it waited 15 ms during a rollback, which is
  more than twice the 7 ms of the slowest before, in others 7 and 8 ms beside 5. The medians are the same.
- Of the Web API calls of a release a third were looks for posts that Slack had refused, for they came a hair too
  early, or while others were waited for: 65 calls where it is watched. What Slack said that it did not take is not
  looked for any more, and the bot stays one post below what Slack takes at once.
- uvloop: 0.99 s a release instead of 1.01 s, which is less than two runs differ; not taken. Bolt needs 0.1 ms
  for a command, so the last of 50 acknowledgements waits for what else the processors do. Of a release's 280 requests
  each costs 0.6 ms in httpx; three listings of each folder are the next thing to save.
- Slack takes one post a second in a channel. With twelve releases in one the bot worked out, at each look, all that
  each of them would say, to find that it could not say it yet: 44 % of what it did while they went live. What waits
  for its turn is left alone until the turn has come: 1.3 s of a processor a site until it is live instead of 2.2 s,
  and 33 s for the twelve instead of 43 s.
- Fifty releases that began at once asked npm fifty times which versions there are, once the answer of before was five
  minutes old: half a second of a processor each. They ask once now.
- A release's chart takes a second of a processor, more than half of it to load matplotlib. It is drawn after the
  release, at a low priority, and nothing waits for it; so it stayed as it is.
- httpx on aiohttp's connections instead of httpcore's, by `httpx-aiohttp`: a quarter of what a release costs the bot
  goes into httpcore, so it was looked at, and not measured, for it cannot be taken. A connection that broke after a
  request had left is told as one that was never made there, and what must not be done twice would be; it has no limit
  for writing, and no HTTP/2.
- The fleet of 1,000 sites: at first each wave took longer than the one before (61 s the first, 210 s the eleventh), for
  each release asks how full the plan's share is, and the local App Service counted the files of all sites each time. It
  holds what took long to count for a while now. A new site whose port another program had taken meanwhile cost a wave,
  also in the run above, beside which other tests ran at idle priority; it gets another port since. Begun again, on the
  machine of the other parts, all twenty waves on one replica and ten on two were staged and none was lost; then it was
  stopped, for other measurements.
- Deflate: a Ghost (35,073 files, 300 MB) is packed by zlib's level 1 in 2.9 s to 107 MB; by isal in 0.8 s to 107 MB,
  by zlib-ng's level 2 in 2.5 s to 105 MB, by zlib's level 6 in 7.4 s to 96 MB. Two seconds of a build of a hundred,
  which is over before anybody waits, are worth no dependency; and 11 MB less are 0.2 s of the upload.
- Package managers, side by side, twice, while others used the machine: Ghost's package on npm ships a pnpm-lock.yaml
  from 6.35 on, a yarn.lock before, and the bot installs by it. 6.65.0 takes pnpm 5 and 10 s with empty caches, 3 and
  9 s with full ones; npm, which has no lock file there, 83 and 169 s, and 93 and 98 s from its own cache, where it
  still resolves everything anew. yarn 1 cannot install it: it asks the registry for packages that lie in Ghost's own
  as tarballs. 5.130.6 takes yarn, by its lock file, 161 s with empty caches (the other time it gave up, for it could
  not refresh its own mutex in time), 33 and 100 s with full ones; npm without one 103 and 101 s, and 164 and 115 s.
  So pnpm is far ahead and is what installs wherever its lock file is; yarn stays for older Ghosts for the sake of
  what it installs, not of its pace.
- Reflinks and hard links for cached installs: the file systems here, ext4 and tmpfs, cannot clone a file. A Ghost
  (35,152 files, 300 MB), twice, while others used the disk: `shutil.copytree` 28 and 85 s, `cp -a` 16 and 63 s, hard
  links 4 and 16 s. Nothing was changed, for the bot copies no Ghost: pnpm makes hard links out of its store where the
  Ghost is to stay (58,519 of 58,605 files), and the zip is packed from there. What is copied is the driver, and where
  the server installs the 2,555 files that are not packages; and a file that something writes to would change in both
  places.
- A fleet of 1,000 sites in the usual run, with sites that answer inside one process instead of in one each: not
  built. A site costs the bots 1.3 to 1.4 s of processor, besides the migration and the theme check that they start.
  Were all else free, 1,000 sites on one, two and four replicas would still take two cores 35 minutes. The usual fleet
  is small instead.
- Memory at rest, 172 MB, is 151 now. Alembic was loaded at every start, since its table was looked for under another
  name (9 MB). Of Azure's two clients the one that blocks, and each operation's variants for type checkers, are let go
  of before the rest is loaded, which fills the same memory (8 MB); the command line of httpx with pygments, and rich,
  are left out (4 MB); Slack's library looked through all sources for the program's name (2 MB). As before,
  the client of Azure's storage is loaded only where there is some (5 MB). Two releases add 5 MB.
- What is left, once all is imported, is 141 MB: 67 of it are Python's small objects without a gap between them, 37 the
  code of shared libraries. Azure's client takes 17 still, SQLAlchemy 22 (9 of it the ORM and PostgreSQL's part, which
  the engine loads in any case), psycopg 10 (the engine, on SQLite too), cryptography 8 and requests 5 (both Azure's
  sign-in), the engine itself 6, Slack's two libraries 8, pydantic 11, the bot 12. Ten more come with the first
  connections and threads. So under 120 MB is out of reach without taking others' libraries apart. Not done: a stand-in
  for psycopg; Azure's other operations cut out method by method (2 MB); a loader that compiles Azure's SDK without
  docstrings (5 MB, and a cache of its own: compiling takes 6 s and 160 MB); Python without docstrings (`-OO`, 12 MB),
  which takes away the engine's own assertions.
- Nothing came of `-X no_debug_ranges` (1 MB), `PYTHONMALLOC=malloc` (5 MB more), loading requests only when it is used
  (Azure's sign-in uses it at once), or `malloc_trim` beyond the first time (1 MB).
- A start took 1.9 s of the processor and takes 1.5: Python's collector looked through what is loaded again and again
  while it grew, and Alembic is not loaded. It looks once, when the bot is ready.
"""

BEGIN, END = '<!-- measured: make bench ARGS="--readme README.md" -->', "<!-- /measured -->"
ALSO = "`ghost update`"


def page(told: dict[str, Any], order: tuple[str, ...] = ()) -> str:  # Any: the JSON of a run
    """Markdown of the whole page. Parts of `order` that the figures lack are named."""
    lines = [INTRODUCTION]
    where = told["machine"]
    lines.append(f"The machine: {in_words(where)}.")
    lines.append(f"Python {where['python']}.\n")
    for part in told["parts"].values():
        lines += [f"## {part['title']}", ""]
        lines += [*_table(part["rows"]), ""]
        lines += [f"{note}\n" for note in part["notes"]]
        if part["plots"] and not part["quick"]:  # those that are there are of a whole run
            pictures = [f"![{plot['title']}](pictures/bench/{plot['file']}.png)" for plot in part["plots"]]
            lines += [*pictures, ""]
        lines.append(
            f"Measured {part['at']} at {part['commit']} in {part['seconds'] / 60:.1f} minutes"
            + (f", load before: {part['load']}" if part.get("load") else "")
            + _elsewhere(part, where)
            + (", quick." if part["quick"] else ".")
            + "\n"
        )
    if missing := [name for name in order if name not in told["parts"]]:
        lines.append(f"Not measured here: {', '.join(missing)}.")
    lines += ["", TRIED]
    return "\n".join(lines).rstrip() + "\n"


def _elsewhere(part: dict[str, Any], where: dict[str, str]) -> str:  # Any: as above
    """Which machine that was, where it was another one than that of the page."""
    measured_on = part.get("machine")
    return f", on another machine: {measured_on}" if measured_on and measured_on != in_words(where) else ""


def has_place(readme: str) -> bool:
    """Whether the table can be put in there."""
    return END in readme.partition(BEGIN)[2]


def in_readme(readme: str, told: dict[str, Any], usual: tuple[str, ...]) -> str:  # Any: as above
    """The README with the rows that have a target, stand beside one, or could not be measured, and where and when.

    `usual` are the parts that `make bench` measures when none is named; of others it tells nothing.
    """
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    named, where = {name: part for name, part in told["parts"].items() if name in usual}, told["machine"]
    parts = list(named.values())
    rows = [
        row
        for part in parts
        for row in part["rows"]
        if row["target"] or row["reached"] is False or part["title"].startswith(ALSO)
    ]
    judged = [row["reached"] for row in rows if row["reached"] is not None]
    minutes = sum(part["seconds"] for part in parts) / 60
    lines = [
        f"By `make bench` on {in_words(where)}, Python {where['python']}, "
        f"against the local App Service, in {minutes:.0f} minutes, {_when(named, where)}: {sum(judged)} of "
        f"{len(judged)} targets reached. [All of it, and how](docs/bench.md).",
        "",
        *_table(rows),
    ]
    return f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"


def _when(parts: dict[str, Any], where: dict[str, str]) -> str:  # Any: as above
    """The time and commit of most parts, and of those that were measured again at another one; which were quick."""
    commit, _ = Counter(part["commit"] for part in parts.values()).most_common(1)[0]
    run = next(part for part in parts.values() if part["commit"] == commit)
    again = [
        f"{name} again at {part['commit']}{_elsewhere(part, where)}"
        for name, part in parts.items()
        if part["commit"] != commit
    ]
    if quick := [name for name, part in parts.items() if part["quick"]]:
        again.append(f"smaller and fewer (`--quick`): {' and '.join(quick)}")
    return ", ".join([f"{run['at']} at {run['commit']}", *again])


def _table(rows: list[dict[str, Any]]) -> list[str]:
    columns = ("work", "measured", "target", "verdict")
    return [
        "| work | measured | to reach | |",
        "| --- | --- | --- | --- |",
        # An error's words may have more than one line.
        *(f"| {' | '.join(' '.join(str(row[column]).split()) for column in columns)} |" for row in rows),
    ]


def with_earlier(path: Path, told: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:  # Any: as above
    """The parts of a file that were measured earlier stay, each with its own time; those of this run replace them."""
    earlier = json.loads(path.read_text())["parts"] if path.exists() else {}
    parts = {**earlier, **told["parts"]}
    return {**told, "parts": {name: parts[name] for name in order if name in parts}}
