"""How pages look to a visitor, on both slots."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageSeen:
    """`status` or, in words, why there is none; `size` of the body in bytes."""

    status: str
    title: str
    size: int
    milliseconds: int


@dataclass(frozen=True)
class PageDiffers:
    path: str
    production: PageSeen
    staging: PageSeen

    @property
    def differs(self) -> bool:
        """In what a visitor would notice: another status or title, or a body of quite another size."""
        here, there = self.production, self.staging
        smaller, larger = sorted((here.size, there.size))
        return (here.status, here.title) != (there.status, there.title) or larger > 1.2 * smaller + 500


@dataclass(frozen=True)
class Looks:
    """`compared` counts all pages that were asked for; `different` are the first of those that differ."""

    compared: int
    different: tuple[PageDiffers, ...]
    differing: int


@dataclass(frozen=True)
class Picture:
    """A page on both slots, side by side, as a JPEG; None once Slack has it, as `file`.

    `alt_text` says what it shows, for who does not see it.
    """

    name: str
    title: str
    alt_text: str
    content: bytes | None = None
    file: str = ""
