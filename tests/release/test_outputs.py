"""What programs say in a step is kept for the thread: of all of them, also of one that failed, without secrets."""

from pathlib import Path

import pytest

from release.ghost.errors import CommandFailed
from release.ghost.process import TAIL_BYTES, Command, ask, run, tail
from release.journal import Journal
from release.model import Kind, Step
from release.outputs import MOST, Heard, put_together
from release.records import Records
from release.side_by_side import all_of


def saying(title: str, script: str, folder: Path) -> Command:
    return Command(title, ["/bin/sh", "-c", script], folder, {}, folder / f"{title}.log", 10)


async def test_what_programs_of_a_step_said_is_kept_with_the_step(records: Records, tmp_path: Path) -> None:
    release = await records.create(Kind.UPGRADE, "blog", "ann", "C1", version="6.40.0")
    journal = Journal(records, release.id)
    async with journal.step(Step.BUILD):
        await all_of(run(saying(name, f"echo {name} is done", tmp_path)) for name in ("pnpm", "gyp"))
    async with journal.step(Step.START):
        pass
    with pytest.raises(CommandFailed):
        async with journal.step(Step.MIGRATE):
            await run(saying("knex", "echo password=hunter2-and-more; exit 3", tmp_path))
    kept = await records.outputs(release.id)
    assert list(kept) == [Step.BUILD, Step.MIGRATE]
    assert "== pnpm ==\npnpm is done" in kept[Step.BUILD]
    assert "gyp is done" in kept[Step.BUILD]
    assert "hunter2" not in kept[Step.MIGRATE]
    await records.forget_outputs(release.id, kept)
    assert await records.outputs(release.id) == {}


def test_no_half_of_a_secret_is_left_where_the_end_of_an_output_begins(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    for beyond, most in ((4, MOST), (0, MOST), (4, TAIL_BYTES), (0, TAIL_BYTES)):
        log.write_text("password=hunter2-and-more\n" + "done\n" * (most // 5 - 3 - beyond))
        for text in (put_together([Heard("install", log)]), tail(log)):
            assert "hunter2" not in text
            assert "and-more" not in text
            assert text.strip().endswith("done")


async def test_what_a_program_answered_before_it_failed_is_told_in_whole_lines(tmp_path: Path) -> None:
    answer = f"echo password=hunter2-and-more; printf '%0{TAIL_BYTES - 11}d\\nnot found' 7; exit 3"
    with pytest.raises(CommandFailed) as caught:
        await ask(saying("npm", answer, tmp_path))
    assert "and-more" not in str(caught.value.args)
    assert "not found" in str(caught.value.args)


def test_of_much_the_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("".join(f"line {number} of many\n" for number in range(50_000)))
    text = put_together([Heard("install", log), Heard("again", log), Heard("never ran", tmp_path / "none")])
    assert MOST / 3 < len(text.encode()) < MOST
    assert text.startswith("== install, again ==\n[the first ")
    assert text.rstrip().endswith("line 49999 of many")
