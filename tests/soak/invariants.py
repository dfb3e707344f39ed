"""What has to hold, however often the bot was killed: looked at from outside, each breach a sentence."""

import asyncio
import fcntl
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.threads import messages_of
from demo.world import World
from release.model import Kind, Release, State, StepState, Verdict
from release.records import Records
from tests.soak.site import BACKUP, SeenSite, titles_in
from tests.soak.team import Ended

ENDS = frozenset(State) - {state for state in State if state.is_open}
QUIET = frozenset({State.REJECTED, State.EXPIRED, State.CANCELLED, State.BACKED_UP})
UNTOUCHED = re.compile(r"[Pp]roduction (is|was) (untouched|as it was)")
DECIDES = ("approve", "reject", "cancel", "confirm_rollback", "keep", "swap_back")


def of_the_end(ended: Ended) -> Iterator[str]:
    """One release has ended: in a state that exists, with one swap or none, and production as it says."""
    release = ended.release
    name = f"{release.site} {release.kind} {release.id}"
    if release.state not in ENDS:
        yield f"{name} did not end: {release.state}"
    if release.state is State.FAILED and not (release.reason and release.remedy):
        yield f"{name} failed without a reason or a remedy"
    went_live = release.state is State.LIVE or (
        release.kind is Kind.ROLLBACK and release.state is State.ROLLED_BACK
    )
    if went_live and (ended.swaps != 1 or ended.after != release.version):
        yield f"{name} is {release.state}: {ended.swaps} swaps, production runs {ended.after}, not {release.version}"
    taken_back = release.kind is not Kind.ROLLBACK and release.state is State.ROLLED_BACK
    if taken_back and (ended.swaps != 2 or ended.after != ended.before):
        yield f"{name} was taken back with {ended.swaps} swaps, and production runs {ended.after}"
    if release.state in QUIET and (ended.swaps or ended.after != ended.before):
        yield f"{name} is {release.state}, but there were {ended.swaps} swaps and production runs {ended.after}"
    if release.state is State.FAILED and (ended.swaps % 2 or ended.after != ended.before):
        yield f"{name} failed after {ended.swaps} swaps and left {ended.after} in production: {release.reason}"


async def of_the_records(records: Records, site: SeenSite) -> list[str]:
    """No two releases of a site at once, every approval decided once and heeded, no step still running."""
    broken = []
    history = sorted(await records.history(site.name, limit=100_000), key=lambda release: release.asked_at)
    for first, second in pairwise(history):
        if first.ended_at is None or first.ended_at > second.asked_at:
            broken.append(f"{first.id} and {second.id} of {site.name} were open at once")
    entries = await records.audited(site.name, limit=1_000_000)
    decided = Counter(entry.deed.release for entry in entries if entry.deed.what == "decided")
    broken += [f"{release} was decided {times} times" for release, times in decided.items() if times > 1]
    for release in history:
        running = [str(record.step) for record in release.steps if record.state is StepState.RUNNING]
        if running and not release.state.is_open:
            broken.append(
                f"{release.id} is {release.state}, and its plan still shows {', '.join(running)} running"
            )
        approval = await records.approval_of(release.id)
        if approval is None:
            continue
        if approval.verdict is Verdict.PENDING and not release.state.is_open:
            broken.append(f"{release.id} is {release.state}, and its question still waits")
        if approval.verdict is Verdict.APPROVED and release.state in (State.REJECTED, State.EXPIRED):
            broken.append(f"{release.id} was approved and is {release.state}")
    return broken


async def of_the_thread(
    world: World, records: Records, site: SeenSite, approvers: Sequence[str]
) -> list[str]:
    """Each release is told once, and the last that is told is what is so."""
    seen = await world.messages("ben", site.channel)
    public = [message for message in seen if not message.get("ephemeral")]
    threads: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in public:
        threads[str(message.get("thread_ts") or message["ts"])].append(message)
    parents: dict[str, list[str]] = defaultdict(list)
    for message in public:
        told = re.search(r"release (r-[a-z0-9]{5})", message["plain"])
        if told and message.get("thread_ts") in (None, message["ts"]):
            parents[told.group(1)].append(message["ts"])
    broken: list[str] = []
    for release in await records.history(site.name, limit=100_000):
        found = parents.get(release.id, [])
        if len(found) != 1:
            broken.append(f"{release.id} has {len(found)} messages in the channel")
        thread = [message for ts in found for message in threads[ts]]
        broken += _twice(release, thread)
        broken += await _false(records, release, thread, approvers)
        swaps = [at for at in await site.swaps() if release.asked_at <= at <= (release.ended_at or at)]
        if swaps and not release.state.is_open:
            lies = [message["plain"] for message in thread if UNTOUCHED.search(message["plain"])]
            broken += [f"{release.id} swapped, and its thread says: {lie[:200]}" for lie in lies]
    broken += await _answered_twice(records, site, seen)
    return broken


def _twice(release: Release, thread: Sequence[dict[str, Any]]) -> Iterator[str]:
    for words, times in Counter(str(message["plain"]) for message in thread).items():
        if times > 1:
            yield f"{release.id} says {times} times: {words[:120]!r}"


async def _false(
    records: Records, release: Release, thread: Sequence[dict[str, Any]], approvers: Sequence[str]
) -> list[str]:
    """What Slack shows is what follows from the records now, message for message, and no button is left over."""
    broken = []
    approval = await records.approval_of(release.id)
    wanted = messages_of(release, approval, approvers)
    sent = {message.part: message for message in await records.messages(release.id)}
    shown = {message["ts"]: message for message in thread}
    for part, message in wanted.items():
        place = sent.get(part)
        if place is None or place.ts not in shown:
            broken.append(f"{release.id} was never told its {part}")
        elif message.text not in str(shown[place.ts]["text"]):
            broken.append(
                f"{release.id} ({release.state}) shows as {part}: {shown[place.ts]['text'][:200]!r}"
            )
    # Files come by an upload, which does not tell where it went: of pictures there is one at most.
    with_files = {ts for ts, message in shown.items() if message.get("files")}
    pictures = [ts for ts in with_files if any(_is_picture(file) for file in shown[ts]["files"])]
    if len(pictures) > ("chart" in sent):
        broken.append(f"{release.id} has {len(pictures)} pictures")
    strays = shown.keys() - {message.ts for message in sent.values()} - with_files
    broken += [f"{release.id} has a message nobody remembers: {shown[ts]['plain'][:120]!r}" for ts in strays]
    if not release.state.is_open:
        left = {
            control["action_id"]
            for message in thread
            for control in message["buttons"]
            if str(control["action_id"]).startswith(DECIDES)
        }
        broken += [
            f"{release.id} is {release.state} and still has the button {name}" for name in sorted(left)
        ]
    return broken


def _is_picture(file: dict[str, Any]) -> bool:
    return str(file["mimetype"]).startswith("image/")


async def _answered_twice(records: Records, site: SeenSite, seen: Sequence[dict[str, Any]]) -> list[str]:
    """Nobody more is told "you approved" than approvals were given."""
    said = sum(
        bool(message.get("ephemeral"))
        and "You approved" in message["plain"]
        and site.name in message["plain"]
        for message in seen
    )
    given = 0
    for release in await records.history(site.name, limit=100_000):
        approval = await records.approval_of(release.id)
        given += approval is not None and approval.verdict is Verdict.APPROVED
    return [f"{said} approvals were confirmed on {site.name}, {given} counted"] if said > given else []


async def of_the_writes(world: World, site: SeenSite) -> tuple[int, list[str]]:
    """How many posts are in production or in a backup that a thread names; the others, as breaches."""
    told = {
        backup
        for message in await world.messages("ben", site.channel)
        for backup in BACKUP.findall(message["plain"])
    }
    kept = await site.titles()
    folder = world.data_folder / "backups" / site.name
    for backup in sorted(told):
        kept |= await asyncio.to_thread(titles_in, folder / f"{backup}.db")
    lost = sorted(site.written.keys() - kept, key=lambda title: site.written[title])
    staging = await site.titles("staging")
    return len(site.written) - len(lost), [
        f"{title!r}, taken at {site.written[title]:%H:%M:%S.%f}, is neither in production nor in a backup that was told"
        + (" (staging still holds it)" if title in staging else "")
        for title in lost
    ]


def of_the_machine(world: World, cache: Path | None, temporary: Path) -> list[str]:
    """The bot has gone: no process of it, nothing in its work folders, no lock."""
    data = world.data_folder
    broken = [f"a process is left: {line}" for line in processes(str(data), *([str(cache)] if cache else []))]
    for folder in (data / "work", temporary, *([cache / "work", cache / "tmp"] if cache else [])):
        left = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        # Node's own cache of compiled code is for all its processes, and no folder of ours.
        broken += [f"left in {folder.name}: {name}" for name in left if name != "node-compile-cache"]
    known = data / "backups"
    broken += [
        f"half a backup is left: {path.name}" for path in known.rglob("*") if path.suffix in {".part", ".tmp"}
    ]
    locks = [data / "lock", *((cache / "locks").iterdir() if cache and (cache / "locks").is_dir() else [])]
    for path in locks:
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                broken.append(f"{path.name} is still locked")
    return broken


def processes(*marks: str) -> list[str]:
    """The processes whose command line or environment holds one of these, but for this one (Linux only)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            around = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if int(folder.name) != os.getpid() and any(mark in words or mark in around for mark in marks):
            found.append(f"{folder.name} {words[:200]}")
    return found


async def of_the_audit(world: World) -> list[str]:
    """`ghostbot audit --verify` finds the chain whole."""
    config = world.write_settings()
    verify = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "audit",
        "--verify",
        "--config",
        str(config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=world.bot_environment(),
    )
    told, _ = await verify.communicate()
    return [] if verify.returncode == 0 else [f"the audit does not verify: {told.decode()[-300:]}"]
