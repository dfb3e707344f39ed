"""What people read about backups, and before they go back to one."""

from dataclasses import replace
from datetime import timedelta

from bot.render.approval import card
from bot.render.backups import SHOWN, backups_list
from bot.render.message import when
from bot.render.release import parent
from bot.render.result import result
from commands.command import BackupsReply
from release.model import (
    PLAN,
    BackupTaken,
    Candidate,
    Facts,
    Kind,
    ReadBack,
    Release,
    State,
    SwapDone,
    Written,
)
from tests.bot.limits import assert_slack_takes
from tests.bot.test_render_release import ANN, APPROVAL, BEN, NOON, labels

BACKUP = BackupTaken(
    "b-20260228-120000-7f3a",
    "blog",
    "6.65.0",
    "blog/b-20260228-120000-7f3a.db",
    "d" * 64,
    4_200_000,
    {"posts": 30, "members": 1_045, "settings": 80},
    {},
    NOON - timedelta(days=1),
)
PRODUCTION = replace(BACKUP, id="b-20260301-115900-aaaa", rows={"posts": 33, "members": 1_050}, taken_at=NOON)
RESTORE = Release(
    "r-7f3k2",
    Kind.RESTORE,
    "blog",
    State.AWAITING_APPROVAL,
    ANN,
    "C0RELEASES1",
    NOON,
    NOON,
    "6.65.0",
    "6.65.0",
    backup=BACKUP.id,
    facts=Facts(
        backup=PRODUCTION,
        restores=BACKUP,
        left_behind=Written("3 posts added, 5 members added", "News <b>", PRODUCTION.id),
        candidate=Candidate("6.65.0", "p", "d", "6.65.0", "https://blog-staging.example.net"),
    ),
)


def test_the_list_tells_what_a_backup_holds_and_whether_it_was_verified() -> None:
    verified = replace(BACKUP, verified_at=NOON)
    told = backups_list(BackupsReply("blog", (verified, replace(BACKUP, id="b-2"))), "/ghost")
    first, second = (line for line in told.text.splitlines() if line.startswith("`b-"))
    assert first.startswith(f"`{BACKUP.id}`: {when(BACKUP.taken_at)}, Ghost 6.65.0, 4.2 MB, 30 posts,")
    assert first.endswith(f"1,045 members, integrity ok, verified {when(NOON, '{ago}')}")
    assert second.endswith("not verified yet")


def test_a_list_of_all_sites_names_them_and_a_long_one_is_cut() -> None:
    many = tuple(replace(BACKUP, id=f"b-20260228-120000-{number:04x}") for number in range(SHOWN + 5))
    told = backups_list(BackupsReply(None, many), "/ghost")
    assert_slack_takes(told)
    assert "`b-20260228-120000-0000`: blog, " in told.text
    assert "and 5 older ones" in "\n".join(str(block) for block in told.blocks)


def test_without_backups_the_way_to_one_is_told() -> None:
    assert "Take one with `/ghost backup`" in backups_list(BackupsReply("blog", ()), "/ghost").text


def test_the_card_says_what_is_left_behind() -> None:
    told = card(RESTORE, APPROVAL, (BEN,))
    assert_slack_takes(told)
    assert labels(told) == ["Approve", "Reject"]
    assert f"back in time*, to backup {BACKUP.id} of {when(BACKUP.taken_at)}" in told.text
    assert "Production had 33 posts, 1,050 members" in told.text
    assert "• posts: 33 → 30 rows" in told.text
    assert "Left behind: 3 posts added, 5 members added (News &lt;b&gt;)" in told.text
    assert f"stays in backup {PRODUCTION.id}" in told.text
    assert "what was written since is left behind" in str(told.blocks[-2])


def test_a_restore_is_called_so_from_its_start_to_its_end() -> None:
    told = parent(replace(RESTORE, state=State.STAGING))
    assert f"Restore blog from backup {BACKUP.id}" in told.text
    plan = next(block for block in told.blocks if block["type"] == "plan")
    assert [task["task_id"] for task in plan["tasks"]] == list(PLAN[Kind.RESTORE])
    live = replace(
        RESTORE,
        state=State.LIVE,
        ended_at=NOON,
        facts=replace(RESTORE.facts, swap=SwapDone("6.65.0", "6.65.0", 8.1, 120.0)),
    )
    ending = result(live)
    assert ending is not None
    assert_slack_takes(ending)
    assert f"*blog is live on 6.65.0*, as it was in backup {BACKUP.id}" in ending.text
    assert "Written since that backup, and left behind: 3 posts added" in ending.text
    assert labels(ending) == ["Rollback"]


def test_a_verified_backup_says_what_was_read() -> None:
    facts = Facts(backup=BACKUP, read_back=ReadBack("6.65", "/news/", {"posts": 30, "members": 1045}, 4.2))
    release = replace(RESTORE, kind=Kind.VERIFY, state=State.BACKED_UP, ended_at=NOON, facts=facts)
    told = result(release)
    assert told is not None
    assert (
        "Ghost 6.65 was booted on a copy of it and served / and /news/, 30 posts, 1,045 members" in told.text
    )
    assert "Back up blog and verify it" in parent(release).text


def test_a_kept_backup_that_was_verified_says_what_was_read() -> None:
    facts = Facts(restores=BACKUP, read_back=ReadBack("6.65", "/news/", {}, 4.2))
    release = replace(RESTORE, kind=Kind.VERIFY_KEPT, state=State.VERIFIED, ended_at=NOON, facts=facts)
    told = result(release)
    assert told is not None
    assert f"*Backup {BACKUP.id} is good.*" in told.text
    assert "Ghost 6.65 was booted on a copy of it and served / and /news/, in 4.2 s" in told.text
    assert f"Verify backup {BACKUP.id} of blog" in parent(release).text
