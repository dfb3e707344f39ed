"""What the bot remembers: releases, their steps and facts, approvals, backups, messages, audit."""

from release.records.records import Changes, Records, open_records

__all__ = ["Changes", "Records", "open_records"]
