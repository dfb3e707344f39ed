"""What the command line says when something is not right: what it is, where it is, and what to do."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from bot.check import Findings
from bot.cli import main
from bot.heartbeat import alive

EXAMPLE = Path(__file__).parents[2] / "ghostbot.example.toml"


class Typed:
    """A shell in a folder of its own, with no settings but those it is given."""

    def __init__(
        self, folder: Path, environment: pytest.MonkeyPatch, out: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._environment, self._out = folder, environment, out
        environment.chdir(folder)
        environment.setenv("GHOSTBOT_SECRETS", "no-such-folder")
        environment.setenv("GHOSTBOT_CONFIG", "ghostbot.toml")  # put back afterwards: --config sets it

    def has(self, **variables: str) -> None:
        for name, value in variables.items():
            self._environment.setenv(f"GHOSTBOT_{name}", value)

    def has_tokens(self) -> None:
        self.has(SLACK__BOT_TOKEN="xoxb-1", SLACK__APP_TOKEN="xapp-1")

    def has_file(self, text: str) -> None:
        (self.folder / "ghostbot.toml").write_text(text)

    def types(self, *words: str) -> tuple[int, str, str]:
        """The exit code, what was printed, and what was said of problems."""
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = self._out.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(tmp_path, monkeypatch, capsys)


def test_with_no_settings_at_all_it_says_which_tables_and_which_file_are_missing(shell: Typed) -> None:
    code, _, told = shell.types("check")
    assert code == 1
    assert told.splitlines() == [
        "ghostbot: The settings are not right:",
        "  [slack] is missing",
        "  [azure] is missing",
        "  [sites] is missing",
        "  there is no file ghostbot.toml",
        "Correct them in the environment or in ghostbot.toml; docs/settings.md lists them all.",
    ]


def test_a_folder_in_the_place_of_the_file_is_named(shell: Typed) -> None:
    (shell.folder / "ghostbot.toml").mkdir()
    assert "ghostbot.toml is a folder and no file" in shell.types("check")[2]
    assert "ghostbot.toml is a folder and no file" in shell.types("check", "--config", "ghostbot.toml")[2]


def test_a_settings_file_that_cannot_be_read_is_named(shell: Typed) -> None:
    unreadable = "/proc/self/mem"  # a file that not even root can read from its beginning
    code, _, told = shell.types("check", "--config", unreadable)
    assert code == 1
    assert f"  {unreadable} cannot be read: Input/output error" in told


def test_where_a_setting_belongs_is_told_in_its_brackets(shell: Typed) -> None:
    shell.has_file(EXAMPLE.read_text())
    _, _, told = shell.types("check")
    assert "slack.bot_token is missing: set GHOSTBOT_SLACK__BOT_TOKEN, or bot_token in [slack]" in told


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            'approvers = ["Ann"]',
            "roles.approvers.0: is no id of a person (U...) or group (S...) (GHOSTBOT_ROLES__APPROVERS)",
        ),
        ('[sites."My blog"]\nresource_group = "g"', "sites.My blog: is no name of a site"),
        (
            '[[freezes]]\nends = "mon 07:00"',
            "freezes.0.begins is missing: set GHOSTBOT_FREEZES, or begins in [freezes.0]",
        ),
        ('[sites."[/x]"]\nresource_group = "g"', "sites.[/x]: is no name of a site"),
    ],
)
def test_what_is_wrong_is_named_by_what_there_is(shell: Typed, table: str, told: str) -> None:
    shell.has_tokens()
    shell.has_file(
        '[azure]\nsubscription = "s"\n[sites.blog]\nresource_group = "g"\n[roles]\nreleasers = ["U012"]\n'
        f"{table}\n"
    )
    code, _, said = shell.types("check")
    assert code == 1
    (line,) = [line for line in said.splitlines() if line.startswith("  ")]
    assert line.strip().startswith(told)
    assert line.count("GHOSTBOT_") == told.count("GHOSTBOT_"), "no variable that there is not"


def test_brackets_in_what_was_found_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    findings = Findings(Console(soft_wrap=True))
    findings.good("good [/x]")
    findings.warn("odd [/x]")
    findings.wrong("bad [/x]", "set key in [scm]")
    told = capsys.readouterr().out
    for part in ("good [/x]", "odd [/x]", "bad [/x]", "set key in [scm]"):
        assert part in told


FILLED = '[slack]\ncommand = "/blog"\n[azure]\nsubscription = "s"\n[sites.blog]\nresource_group = "g"\n'


def command_in(manifest: str) -> str:
    return str(yaml.safe_load(manifest)["features"]["slash_commands"][0]["command"])


def test_the_manifest_is_made_before_there_are_tokens(
    shell: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell.has_file(FILLED)
    code, printed, _ = shell.types("manifest")
    assert (code, command_in(printed)) == (0, "/blog")
    shell.has_file(FILLED.replace("[slack]", '[slack]\nmode = "http"'))
    code, printed, _ = shell.types("manifest", "--config", "ghostbot.toml", "--command", "/web")
    assert (code, command_in(printed)) == (0, "/web")
    elsewhere = tmp_path / "etc" / "bot.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(FILLED.replace("/blog", "/other"))
    monkeypatch.setenv("GHOSTBOT_CONFIG", str(elsewhere))
    code, printed, _ = shell.types("manifest")
    assert (code, command_in(printed)) == (0, "/other")
    monkeypatch.setenv("GHOSTBOT_CONFIG", "no-such-file.toml")
    code, printed, _ = shell.types("manifest")
    assert (code, command_in(printed)) == (0, "/ghost")


@pytest.mark.parametrize(
    "url",
    [
        "https://bot.example.com",
        "https://bot.example.com/",
        "https://bot.example.com/slack",
        "https://bot.example.com/slack/events?x=1",
        "http://bot.example.com/slack/events",
        "https:///slack/events",
    ],
)
def test_an_address_that_the_bot_does_not_answer_at_makes_no_manifest(shell: Typed, url: str) -> None:
    code, printed, told = shell.types("manifest", "--url", url)
    assert (code, printed) == (1, "")
    assert "/slack/events" in told
    good = "https://bot.example.com:8443/behind/slack/events"
    assert shell.types("manifest", "--url", good)[0] == 0


def test_whether_it_is_alive_is_told_without_tokens(shell: Typed) -> None:
    shell.has_file(FILLED)
    assert shell.types("healthy") == (1, "", "")
    (shell.folder / "ghostbot-data").mkdir()
    (shell.folder / "ghostbot-data" / "heartbeat").touch()
    assert shell.types("healthy") == (0, "", "")


def runs(folder: Path, **variables: str) -> tuple[int, str]:
    """A start in a process of its own: its exit code and all that it says."""
    (folder / "ghostbot.toml").write_text(FILLED)
    own = {f"GHOSTBOT_{name}": value for name, value in variables.items()}
    tokens = {"GHOSTBOT_SLACK__BOT_TOKEN": "xoxb-1", "GHOSTBOT_SLACK__SIGNING_SECRET": "1"}
    told = subprocess.run(
        [sys.executable, "-m", "bot", "run", "--config", str(folder / "ghostbot.toml")],
        check=False, capture_output=True, text=True, timeout=60, env=tokens | {"GHOSTBOT_SLACK__MODE": "http"} | own,
    )  # fmt: skip
    return told.returncode, told.stderr


def test_a_data_folder_that_cannot_be_made_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    code, told = runs(tmp_path, DATA_FOLDER=str(tmp_path / "a file" / "data"))
    assert code == 1
    assert f"The data folder {tmp_path}/a file/data cannot be written to: Not a directory." in told
    assert "chown 10001:10001" in told
    assert "Traceback" not in told


def test_a_bot_that_starts_while_slack_is_away_is_alive_and_stops_in_good_order(tmp_path: Path) -> None:
    (tmp_path / "ghostbot.toml").write_text(FILLED)
    away = {
        "GHOSTBOT_SLACK__API_URL": "http://127.0.0.1:9/api/",
        "GHOSTBOT_DATA_FOLDER": str(tmp_path / "data"),
    }
    tokens = {"GHOSTBOT_SLACK__BOT_TOKEN": "xoxb-1", "GHOSTBOT_SLACK__APP_TOKEN": "xapp-1"}
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "run", "--config", str(tmp_path / "ghostbot.toml")],
        stderr=subprocess.PIPE, text=True, env=tokens | away,
    ) as bot:  # fmt: skip
        try:
            assert bot.stderr is not None
            assert any("Slack is not reachable yet" in line for line in bot.stderr)
            eventually(lambda: alive(tmp_path / "data"))
            bot.terminate()
            assert bot.wait(timeout=30) == 0
        finally:
            bot.kill()


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_port_that_is_taken_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = runs(tmp_path, DATA_FOLDER=str(tmp_path / "data"), SLACK__PORT=str(port))
    assert code == 1
    assert f"The bot cannot listen on port {port} of 127.0.0.1: address already in use." in told
    assert "Set port or host in [slack]" in told
    assert "Traceback" not in told
