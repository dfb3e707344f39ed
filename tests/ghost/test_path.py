"""Where a database stops on the way from one Ghost to another."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from release.ghost.path import TooOld, stops_between
from release.ghost.releases import GhostRelease
from release.version import Version

versions = some.builds(Version, some.integers(1, 7), some.integers(0, 12), some.integers(0, 4))
published = some.lists(some.builds(GhostRelease, versions, some.just("^22.13.1")), max_size=60)


def ghosts(*numbers: str) -> tuple[GhostRelease, ...]:
    return tuple(GhostRelease(Version.parse(number), "*") for number in numbers)


KNOWN = ghosts(
    "6.65.0", "4.48.9", "5.0.0", "5.130.6", "4.1.2", "5.130.0", "5.9.10", "4.9.0", "3.42.9", "6.0.0", "0.11.14"
)  # fmt: skip


@pytest.mark.parametrize(
    ("current", "target", "stops"),
    [
        ("4.1.2", "6.65.0", ["4.48.9", "5.130.6"]),
        ("4.48.9", "6.65.0", ["5.130.6"]),
        ("5.130.6", "6.65.0", []),
        ("5.0.0", "6.65.0", ["5.130.6"]),
        ("4.1.2", "4.48.9", []),
        ("4.1.2", "5.0.0", ["4.48.9"]),
        ("6.0.0", "6.65.0", []),
        ("3.40.0", "6.0.0", ["3.42.9", "4.48.9", "5.130.6"]),
        ("5.131.0", "6.65.0", []),
    ],
)
def test_the_last_version_of_each_major_is_stopped_at(current: str, target: str, stops: list[str]) -> None:
    found = stops_between(Version.parse(current), Version.parse(target), KNOWN)
    assert [str(stop.version) for stop in found] == stops


def test_a_blog_from_before_the_first_schema_is_not_migrated() -> None:
    with pytest.raises(TooOld, match=r"0\.11\.14"):
        stops_between(Version.parse("0.11.14"), Version.parse("6.65.0"), KNOWN)


@given(versions, versions, published)
def test_every_major_left_on_the_way_is_stopped_at_once_and_at_its_end(
    current: Version, target: Version, known: list[GhostRelease]
) -> None:
    stops = [stop.version for stop in stops_between(current, target, known)]
    assert not stops or current < stops[0]
    assert all(one.major < other.major for one, other in pairwise([*stops, target]))
    between = [one.version for one in known if current < one.version < target]
    for major in {one.major for one in between} - {target.major}:
        assert max(one for one in between if one.major == major) in stops
    assert {stop.major for stop in stops} <= {one.major for one in between}


@given(versions, versions, published, some.randoms(use_true_random=False))
def test_the_way_does_not_depend_on_how_npm_lists_versions(
    current: Version, target: Version, known: list[GhostRelease], chance: Random
) -> None:
    shuffled = sorted(known, key=lambda _: chance.random())
    assert stops_between(current, target, shuffled) == stops_between(current, target, known)


@given(versions, versions, published)
def test_whoever_stands_at_a_stop_has_the_rest_of_the_way_before_them(
    current: Version, target: Version, known: list[GhostRelease]
) -> None:
    stops = stops_between(current, target, known)
    for place, stop in enumerate(stops):
        assert stops_between(stop.version, target, known) == stops[place + 1 :]
