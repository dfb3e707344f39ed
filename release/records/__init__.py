"""What the bot remembers: releases, their steps and facts, approvals, backups, messages, audit."""

from release.records.audit import Chain, Deed, Entry
from release.records.base import Changes
from release.records.opening import open_records
from release.records.records import Records

__all__ = ["Chain", "Changes", "Deed", "Entry", "Records", "open_records"]
