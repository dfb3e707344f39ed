"""What the bot remembers: releases, their steps and facts, approvals, backups, messages, audit."""

from release.records.audit import Chain, Deed, Entry
from release.records.records import Changes, Records, open_records

__all__ = ["Chain", "Changes", "Deed", "Entry", "Records", "open_records"]
