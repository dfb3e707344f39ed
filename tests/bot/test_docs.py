"""What is written for the people who run the bot is what the bot does."""

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.render.words import STEP_TITLES
from bot.settings import PREFIX, Settings, read_settings
from commands import COMMANDS

ROOT = Path(__file__).parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
PLACES = re.compile(r"`((?:bot|commands|release|sandbox|demo|docs|tests)/[\w./-]*)`")
NO_STEPS = ("step in the thread", "the notice", "the approval card", "the result")
"""What docs/pipelines.md has beside steps in the column for them."""
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def described() -> dict[str, list[str]]:
    """variable -> setting, type, default, meaning, from the tables of docs/settings.md."""
    rows = (
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in SETTINGS.splitlines()
        if line.startswith("| `") and line.count(" | ") == 4
    )
    return {variable.strip("`"): [name.strip("`"), *rest] for name, variable, *rest in rows}


def defined(model: type[BaseModel] = Settings, above: str = PREFIX) -> Iterator[tuple[str, str, FieldInfo]]:
    """variable, name and field of every setting; a site's name is NAME."""
    for name, field in model.model_fields.items():
        kind, inside = field.annotation, f"{above}{name.upper()}__"
        if get_origin(kind) is dict:
            kind, inside = get_args(kind)[1], f"{inside}NAME__"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from defined(kind, inside)
        else:
            yield f"{above}{name.upper()}", name, field


def type_in_words(annotation: Any) -> str:  # Any: a type annotation
    """The word docs/settings.md has for a type; `X | None` is X."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) is tuple:
        return "list"
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    kind = kinds[0] if kinds else annotation
    if issubclass(kind, Enum):
        return " or ".join(f"`{member.value}`" for member in kind)
    words = {
        SecretStr: "secret",
        bool: "yes or no",
        int: "number",
        float: "number",
        Path: "path",
        str: "text",
    }
    return words[kind]


def default_in_words(field: FieldInfo) -> str:
    if field.default_factory is not None:  # the user's own cache folder
        return "`~/.cache/ghostbot`"
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None:
        return "none"
    if field.default == ():
        return "empty"
    value = field.default
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def test_every_setting_is_described_as_it_is() -> None:
    told = described()
    known = {
        variable: [name, type_in_words(field.annotation), default_in_words(field)]
        for variable, name, field in defined()
    }
    assert {variable: row[:3] for variable, row in told.items()} == known
    assert all(len(row[3]) > 10 for row in told.values())


def test_the_example_is_a_whole_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOSTBOT_SECRETS", "no-such-folder")
    monkeypatch.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("GHOSTBOT_SLACK__APP_TOKEN", "xapp-1")
    monkeypatch.setenv("GHOSTBOT_SITES__BLOG__ADMIN_KEY", "id:secret")
    monkeypatch.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    settings = read_settings(ROOT / "ghostbot.example.toml")
    assert list(settings.sites) == ["blog"]
    assert settings.sites["blog"].app == "our-blog"
    assert settings.sites["blog"].admin_key is not None
    assert settings.roles.releasers
    assert settings.roles.approvers


def test_a_secret_file_is_named_like_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ghostbot_slack__bot_token").write_text("xoxb-1\n")
    (tmp_path / "ghostbot_slack__app_token").write_text("xapp-1\n")
    (tmp_path / "of_somebody_else").write_text("not ours")
    monkeypatch.setenv("GHOSTBOT_SECRETS", str(tmp_path))
    monkeypatch.setenv("GHOSTBOT_CONFIG", "")
    settings = read_settings(ROOT / "ghostbot.example.toml")
    assert settings.slack.bot_token.get_secret_value() == "xoxb-1"
    assert settings.slack.channel == "C0123456789", "the rest of the table comes from the file"


def test_every_command_is_described_in_the_order_of_help() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    headings = re.findall(r"^## `/ghost (.+)`$", text, re.MULTILINE)
    assert headings == [command.usage for command in COMMANDS]
    for command, part in zip(COMMANDS, text.split("\n## `")[1:], strict=True):
        assert f"`/ghost {command.example}`" in part, command.name
        assert f"For: {command.needs.value}" in part, command.name
        assert command.summary.lower() in part.lower(), command.name


def test_the_steps_that_the_papers_name_are_called_so_in_the_thread() -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / "pipelines.md").read_text().splitlines()]
    said = {name.strip() for row in rows if len(row) == 5 for name in row[3].split(",")}
    for paper in PAPERS:
        for steps in re.findall(r"\bsteps? (\*[^*]+\*(?: and \*[^*]+\*)?)", paper.read_text()):
            said |= set(re.findall(r"\*([^*]+)\*", steps))
    assert {"Swap staging into production", "List content and pages"} <= said
    assert said - set(STEP_TITLES.values()) == {"", "---", *NO_STEPS}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
def test_what_a_paper_links_to_is_there(paper: Path) -> None:
    for target, part in LINK.findall(paper.read_text()):
        if "://" in target:
            continue
        linked = paper.parent / target if target else paper
        assert linked.exists(), f"{paper.name} links to {target}"
        assert not part or part in anchors(linked.read_text()), f"{paper.name} links to {target}#{part}"


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings: small letters, dashes for spaces, no other signs."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
def test_the_files_a_paper_names_are_there(paper: Path) -> None:
    missing = [name for name in PLACES.findall(paper.read_text()) if not (ROOT / name).exists()]
    # `bot/threads.messages_of` names a function of a file.
    assert not [name for name in missing if not (ROOT / f"{name.rpartition('.')[0]}.py").exists()]
