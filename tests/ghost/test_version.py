import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.version import NotAVersion, Version

numbers = st.integers(min_value=0, max_value=9999)


def test_a_version_is_read_and_written_alike() -> None:
    assert str(Version.parse("5.130.6")) == "5.130.6"
    assert Version.parse("v6.0.0") == Version(6, 0, 0)


def test_ghost_shows_only_major_and_minor() -> None:
    assert Version.parse("5.130.6").minor == "5.130"


@pytest.mark.parametrize("text", ["6.0.0-rc.1", "6.0.0+build", "6.0", "latest", "", "6.0.0.1", "06.0.0"])
def test_what_is_not_a_released_version_is_refused(text: str) -> None:
    with pytest.raises(NotAVersion):
        Version.parse(text)


@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_versions_compare_as_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    first, second = (Version.parse(".".join(map(str, three))) for three in (one, other))
    assert (first < second) == (one < other)


def test_a_node_is_held_against_npms_range() -> None:
    asked = "^22.23.1 || ^24.20.0"
    assert Version.parse("22.23.3").satisfies(asked)
    assert not Version.parse("22.22.0").satisfies(asked)
    assert not Version.parse("23.0.0").satisfies(asked)
