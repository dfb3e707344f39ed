"""What of the Dockerfile can be known without a container engine."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bot.cli import main

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """(FROM, python:...), (RUN, ...): comments left out, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def the_last(word: str) -> str:
    return [rest for name, rest in instructions() if name == word][-1]


def project() -> dict[str, object]:
    told: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return told


def test_what_is_copied_is_there_and_passes_dockerignore() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = {
        name
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_the_entry_point_is_the_script_and_the_check_is_a_command_of_it() -> None:
    scripts = project()["scripts"]
    assert isinstance(scripts, dict)
    assert json.loads(the_last("ENTRYPOINT")) == list(scripts)
    script, command = json.loads(the_last("HEALTHCHECK").partition("CMD ")[2])
    assert script in scripts
    for asked in (command, *json.loads(the_last("CMD"))):
        with pytest.raises(SystemExit) as ended:
            main([asked, "--help"])
        assert ended.value.code == 0


def test_the_bot_is_nobody_special_and_keeps_its_data_in_volumes() -> None:
    user, _, group = the_last("USER").partition(":")
    assert int(user) > 1000
    assert int(group) > 1000
    volumes = json.loads(the_last("VOLUME"))
    environment = dict(pair.split("=", 1) for pair in the_last("ENV").split())
    assert environment["GHOSTBOT_DATA_FOLDER"] in volumes
    assert environment["GHOSTBOT_CACHE_FOLDER"] in volumes
    assert not [name for name in environment if re.search("TOKEN|SECRET|KEY", name)]


def test_the_python_is_one_that_the_project_asks_for() -> None:
    found = re.findall(r"FROM python:(\d+)\.(\d+)-slim", DOCKERFILE.read_text())
    versions = {tuple(map(int, numbers)) for numbers in found}
    least = re.fullmatch(r">=(\d+)\.(\d+)", str(project()["requires-python"]))
    assert least is not None
    assert len(versions) == 1
    assert versions.pop() >= tuple(map(int, least.groups()))


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).with_name("hadolint")
    found = str(program) if program.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("no hadolint for this platform")
    told = subprocess.run([found, str(DOCKERFILE)], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
