"""What the makers of a version say that it brings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReleaseNotes:
    """The notes of one version, as plain words, one line a change.

    `security` are the fixes that name security, `notable` are other changes that its makers point out, and `more`
    counts those they do not.
    """

    version: str
    security: tuple[str, ...] = ()
    notable: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class WhatIsNew:
    """The notes of a version, and of those in between that have security fixes, newest first.

    `notes` is None where they are not known; `unread` counts the versions in between of which that is so.
    """

    notes: ReleaseNotes | None
    on_the_way: tuple[ReleaseNotes, ...] = ()
    unread: int = 0

    @property
    def is_about_security(self) -> bool:
        return bool(self.on_the_way) or bool(self.notes and self.notes.security)
