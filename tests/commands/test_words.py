"""What people type, and what is understood."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import COMMANDS, backup, find, help, restore, unknown, upgrade  # noqa: A004 - the command is called help
from commands.backup import Backup
from commands.command import UsageError, Words, closest, known_site
from commands.restore import Restore
from commands.upgrade import Upgrade
from release.errors import UnknownSite


def words(text: str) -> Words:
    return Words(tuple(text.split()))


@pytest.mark.parametrize(
    ("typed", "order"),
    [
        ("", Upgrade(None, None)),
        ("6.65.0", Upgrade("6.65.0", None)),
        ("v6.65.0", Upgrade("6.65.0", None)),
        ("blog", Upgrade(None, "blog")),
        ("6.65.0 blog", Upgrade("6.65.0", "blog")),
        ("blog 6.65.0", Upgrade("6.65.0", "blog")),
        ("newest blog", Upgrade(None, "blog")),
        ("latest", Upgrade(None, None)),
    ],
)
def test_a_version_and_a_site_come_in_any_order(typed: str, order: Upgrade) -> None:
    assert upgrade.parse(words(typed)) == order


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("6.65", "“6.65” is not a whole version"),
        ("6", "three numbers"),
        ("6.65.0-rc.1", "not a whole version"),
        ("6.65.O", "not a whole version"),
        ("blog shop", "“shop”"),
        ("6.65.0 6.66.0", "“6.66.0”"),
        ("newest 6.66.0", "“6.66.0”"),
    ],
)
def test_what_makes_no_order_is_named(typed: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        upgrade.parse(words(typed))


def test_one_site_is_enough_for_the_others() -> None:
    for command in COMMANDS:
        if command.name not in {"upgrade", "deploy", "restore", "freeze", "logs", "skip", "unskip", "help"}:
            assert command.parse(words("blog")).site == "blog"
            assert command.parse(words("")).site is None
            with pytest.raises(UsageError, match="one site"):
                command.parse(words("blog shop"))


@pytest.mark.parametrize(
    ("typed", "order"),
    [
        ("b-20260301-120000-7f3a", Restore("b-20260301-120000-7f3a", None)),
        ("B-20260301-120000-7F3A blog", Restore("b-20260301-120000-7f3a", "blog")),
        ("blog b-20260301-120000-7f3a", Restore("b-20260301-120000-7f3a", "blog")),
    ],
)
def test_a_restore_names_its_backup(typed: str, order: Restore) -> None:
    assert restore.parse(words(typed)) == order


@pytest.mark.parametrize(
    "typed", ["", "blog", "newest", "b-2026", "../b-20260301-120000-7f3a", "b-20260301-120000-7f3a/.."]
)
def test_a_restore_of_no_backup_is_no_order(typed: str) -> None:
    with pytest.raises(UsageError, match="by its id"):
        restore.parse(words(typed))


@pytest.mark.parametrize("typed", ["--verify blog", "blog --verify", "verify blog", "\N{EM DASH}verify blog"])
def test_a_backup_is_verified_however_the_dashes_come(typed: str) -> None:
    assert backup.parse(words(typed)) == Backup("blog", verify=True)


@pytest.mark.parametrize(
    "typed", ["--verify b-20260301-120000-7f3a blog", "blog verify B-20260301-120000-7F3A"]
)
def test_a_kept_backup_is_verified_by_its_id(typed: str) -> None:
    assert backup.parse(words(typed)) == Backup("blog", verify=True, kept="b-20260301-120000-7f3a")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("b-20260301-120000-7f3a", "say what to do with it"),
        ("verify b-20260301-120000-7f3a b-20260301-120000-7f3b", "only one"),
    ],
)
def test_an_id_alone_and_two_ids_are_no_order(typed: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        backup.parse(words(typed))


def test_a_mistyped_command_gets_a_hint() -> None:
    assert find("upgarde") is None
    assert "Did you mean “upgrade”?" in str(unknown("upgarde"))
    assert "Did you mean" not in str(unknown("xyzzy"))


def test_commands_are_found_whatever_their_case() -> None:
    assert find("Upgrade") is upgrade.COMMAND


def test_a_mistyped_site_gets_a_hint_and_a_strange_one_gets_the_list() -> None:
    sites = ("blog", "magazine")
    assert known_site(None, sites) is None
    assert known_site("Blog", sites) == "blog"
    with pytest.raises(UsageError, match="Did you mean “magazine”"):
        known_site("magazin", sites)
    with pytest.raises(UnknownSite) as caught:
        known_site("xyzzy", sites)
    assert "blog, magazine" in caught.value.advice


def test_help_takes_one_topic() -> None:
    assert help.parse(words("Upgrade")).topic == "upgrade"
    with pytest.raises(UsageError):
        help.parse(words("upgrade backup"))


def test_every_command_says_what_to_type() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)
    for command in COMMANDS:
        assert command.usage.split()[0] == command.name
        assert command.example.split()[0] == command.name
        command.parse(words(command.example.partition(" ")[2]))


@given(st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_any_words_make_an_order_or_a_usage_error(typed: list[str]) -> None:
    for command in COMMANDS:
        with contextlib.suppress(UsageError):  # anything else would be a traceback for a person
            command.parse(Words(tuple(typed)))


@given(st.text())
def test_the_closest_word_is_a_known_one(typed: str) -> None:
    assert closest(typed, ["blog", "shop"]) in {"blog", "shop", None}
