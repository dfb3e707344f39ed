"""Backups as people see them: the list, and what going back to one leaves behind."""

from bot.render.message import Message, clip, context, escape, message, section, size, when
from commands.command import BackupsReply
from release.model import BackupTaken, Kind, Release, State

SHOWN = 20
LINES_A_SECTION = 10
NAMES = 300


def backups_list(answer: BackupsReply, slash: str) -> Message:
    """Every kept backup in one line, newest first; `slash` is the slash command's name with its slash."""
    where = f" of {escape(answer.site)}" if answer.site else ""
    if not answer.backups:
        text = f"There is no backup{where} yet. Take one with `{slash} backup`."
        return message(text, section(text))
    lines = [backup_line(backup, with_site=answer.site is None) for backup in answer.backups[:SHOWN]]
    if len(answer.backups) > SHOWN:
        lines.append(f"and {len(answer.backups) - SHOWN} older ones")
    lines.insert(0, f"*The backups{where}*")
    parts = [
        "\n".join(lines[start : start + LINES_A_SECTION]) for start in range(0, len(lines), LINES_A_SECTION)
    ]
    hint = (
        f"Put one on staging with `{slash} restore ID`. Boot Ghost on one with `{slash} backup --verify ID`."
    )
    return message("\n".join(lines), *(section(part) for part in parts), context(hint))


def backup_line(backup: BackupTaken, with_site: bool) -> str:
    """`b-20260301-120000-7f3a: today at 12:00, Ghost 6.65.0, 4.2 MB, 30 posts, 50 members, integrity ok, ...`"""
    site = f"{escape(backup.site)}, " if with_site else ""
    verified = f"verified {when(backup.verified_at, '{ago}')}" if backup.verified_at else "not verified yet"
    origin = f", from the slot {escape(backup.slot)}" if backup.slot else ""
    files = "" if backup.files is None else f", {backup.files:,} files listed"
    return (
        f"`{escape(backup.id)}`: {site}{when(backup.taken_at)}, Ghost {escape(backup.version)}, "
        f"{size(backup.size)}, {held(backup)}{files}{origin}, integrity ok, {verified}"
    )


def held(backup: BackupTaken) -> str:
    """`30 posts, 50 members`, pages counted with the posts as Ghost's table does."""
    return f"{backup.rows.get('posts', 0):,} posts, {backup.rows.get('members', 0):,} members"


def back_in_time(release: Release) -> str:
    """What production has now, what the backup has, and what would be left behind; empty for no restore."""
    backup, production = release.facts.restores, release.facts.backup
    if release.kind is not Kind.RESTORE or backup is None:
        return ""
    lines = [f"*This goes back in time*, to backup {escape(backup.id)} of {when(backup.taken_at)}."]
    if production is not None:
        lines.append(
            f"Production had {held(production)} {when(production.taken_at, '{ago}')}; the backup has {held(backup)}."
        )
        for table in ("posts", "members"):
            before, after = production.rows.get(table, 0), backup.rows.get(table, 0)
            if before != after:
                lines.append(f"• {table}: {before:,} → {after:,} rows")
    written = release.facts.left_behind
    if written is not None:
        names = f" ({escape(clip(written.names, NAMES))})" if written.names else ""
        what = f"{escape(written.words)}{names}" if written.anything else "nothing that people wrote"
        lines.append(
            f":warning: Left behind: {what}. It stays in backup {escape(written.backup)}, and what is written "
            "until the swap is kept as well."
            if release.state is not State.LIVE
            else f"Left behind: {what}, kept as backup {escape(written.backup)}."
        )
    return "\n".join(lines)
