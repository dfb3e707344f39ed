"""Versions of Ghost: parsed by semantic_version, comparable, and plain values for the engine's records."""

from dataclasses import dataclass

import semantic_version  # type: ignore[import-untyped]  # the package ships no types

from release.errors import ReleaseError


class NotAVersion(ReleaseError):
    problem = "{0} is not a version of Ghost."
    remedy = "Write it as three numbers, for example 6.65.0. Pre-releases cannot be released."


@dataclass(frozen=True, order=True)
class Version:
    """A released version: three numbers, compared as numbers."""

    first: int
    second: int
    third: int

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read "5.130.6"; anything else, pre-releases included, is NotAVersion."""
        try:
            parsed = semantic_version.Version(text.strip().removeprefix("v"))
        except ValueError:
            raise NotAVersion(text) from None
        if parsed.prerelease or parsed.build:
            raise NotAVersion(text)
        return cls(parsed.major, parsed.minor, parsed.patch)

    def __str__(self) -> str:
        return f"{self.first}.{self.second}.{self.third}"

    @property
    def major(self) -> int:
        return self.first

    @property
    def minor(self) -> str:
        """Major and minor, which is all that Ghost shows over HTTP: "5.130"."""
        return f"{self.first}.{self.second}"

    def satisfies(self, range_of_npm: str) -> bool:
        """Whether npm would accept this version for a range like "^22.23.1 || ^24.20.0"."""
        return bool(npm_range(range_of_npm).match(semantic_version.Version(str(self))))


def npm_range(text: str) -> semantic_version.NpmSpec:
    """The range as semantic_version reads it; NotAVersion when it cannot."""
    try:
        return semantic_version.NpmSpec(text)
    except ValueError:
        raise NotAVersion(text) from None
