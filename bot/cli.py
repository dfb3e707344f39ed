"""The command line: run the bot, check its settings, show it all in a demo."""

import argparse
import asyncio
import importlib.metadata
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.heartbeat import alive
from bot.logs import set_up_logs
from bot.memory import all_at_once, give_memory_back
from release.errors import ReleaseError

if TYPE_CHECKING:
    from rich.console import Console

    from bot.settings import Settings


class NoDemoHere(ReleaseError):
    problem = "This installation has no demo ({0} is missing)."
    remedy = "Run `make demo` in a checkout of ghostbot; it installs everything it needs."


class NoCommandName(ReleaseError):
    problem = "{0} is no name of a slash command."
    remedy = (
        "It begins with a slash and has at most 32 small letters, digits, dashes and underscores: /ghost."
    )


class NotReachable(ReleaseError):
    problem = "Slack does not send to {0}."
    remedy = "Give an address with https://, ending in /slack/events."


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of `ghostbot`. Exit codes: 0 well, 1 not well, 2 wrong words, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.act(options))
    except ReleaseError as error:
        _tell_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ghostbot",
        description="Release a web app on Azure App Service from Slack, without losing a write or a visitor.",
        epilog="Settings come from the environment (GHOSTBOT_...), /run/secrets and ghostbot.toml: docs/settings.md.",
    )
    version = importlib.metadata.version("ghostbot")
    parser.add_argument("--version", action="version", version=f"ghostbot {version}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    running = commands.add_parser("run", help="run the bot until it is stopped")
    _config_option(running)
    running.set_defaults(act=_run)

    checking = commands.add_parser(
        "check", help="try the settings, Slack, Azure and npm, and say what is wrong"
    )
    _config_option(checking)
    checking.set_defaults(act=_check)

    health = commands.add_parser("healthy", help="exit 0 if a bot on this machine shows signs of life")
    _config_option(health)
    health.set_defaults(act=_healthy)

    auditing = commands.add_parser("audit", help="who asked for what, and what came of it; refusals too")
    _config_option(auditing)
    auditing.add_argument("--verify", action="store_true", help="check that no entry was changed or removed")
    auditing.add_argument("--site", metavar="SITE", help="only what was about this site")
    auditing.add_argument(
        "--last", type=int, default=100, metavar="N", help="how many entries (default: 100)"
    )
    auditing.add_argument("--json", action="store_true", help="print JSON")
    auditing.set_defaults(act=_audit)

    making = commands.add_parser("manifest", help="print the manifest that Slack makes the app of")
    making.add_argument(
        "--command",
        default=None,
        metavar="/NAME",
        help="the slash command (default: the settings file's, or /ghost)",
    )
    making.add_argument(
        "--url",
        metavar="ADDRESS",
        help="for HTTP mode: where Slack reaches the bot (https://bot.example.com/slack/events); else Socket Mode",
    )
    _config_option(making)
    making.set_defaults(act=_manifest)

    demo = commands.add_parser("demo", help="see all of it on a real Ghost, without a Slack or Azure account")
    _demo_options(demo)
    demo.set_defaults(act=_demo)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the settings file (default: ghostbot.toml)"
    )


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yes", action="store_true", help="a scripted user types and clicks (so without a terminal)"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="a small Ghost-shaped site: a first look in half a minute"
    )
    parser.add_argument(
        "--from", dest="before", metavar="VERSION", help="the Ghost in production at the start"
    )
    parser.add_argument("--to", dest="after", metavar="VERSION", help="the Ghost to upgrade to")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result for machines")
    parser.add_argument(
        "--port", type=int, default=0, help="the port of the local Slack's page (default: a free one)"
    )
    parser.add_argument(
        "--swap-seconds", type=float, default=2, help="how long a swap takes (Azure: about 62)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder and say where it is")


# What a command needs is imported when it runs: `healthy` is asked every minute, and Slack's and Azure's
# libraries take seconds to load. What the bot itself does not need takes memory for as long as it runs.


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(stderr=stderr, soft_wrap=True)


def _tell_error(error: ReleaseError) -> None:
    from rich.markup import escape  # noqa: PLC0415 - see above

    errors = _console(stderr=True)
    errors.print(f"[red]ghostbot:[/red] {escape(str(error))}", highlight=False)
    errors.print(error.advice, highlight=False, markup=False)


def _settings(options: argparse.Namespace) -> "Settings":
    from bot.settings import read_settings  # noqa: PLC0415 - see above

    settings = read_settings(options.config)
    set_up_logs(settings.log_level)
    return settings


def _run(options: argparse.Namespace) -> int:
    give_memory_back()
    with all_at_once():
        from bot.unused import leave_out  # noqa: PLC0415 - see above

        leave_out()
        from bot.app import run  # noqa: PLC0415 - see above

    asyncio.run(run(_settings(options)))
    return 0


def _manifest(options: argparse.Namespace) -> int:
    from bot.http_end import PATH  # noqa: PLC0415 - see above
    from bot.manifest import manifest  # noqa: PLC0415 - see above
    from bot.settings import COMMAND_NAME, read_without_tokens, settings_file  # noqa: PLC0415 - see above
    from commands import named  # noqa: PLC0415 - see above

    slash, own, commands = options.command or "/ghost", {}, named("deploy")
    if options.config is not None or settings_file().is_file():
        # The tokens come from the app that is made of this.
        settings = read_without_tokens(options.config)
        slash = options.command or settings.slack.command
        own, commands = settings.own_commands, named(settings.slack.deploy_command)
    if re.fullmatch(COMMAND_NAME, slash) is None:
        raise NoCommandName(slash)
    if options.url is not None and not re.fullmatch(rf"https://[^/?#\s]+[^?#\s]*{PATH}", options.url):
        raise NotReachable(options.url)
    sys.stdout.write(manifest(slash, own, options.url, commands))
    return 0


def _check(options: argparse.Namespace) -> int:
    from bot.check import check  # noqa: PLC0415 - see above

    return 0 if asyncio.run(check(_settings(options), _console())) else 1


def _healthy(options: argparse.Namespace) -> int:
    from bot.settings import read_without_tokens  # noqa: PLC0415 - see above

    return 0 if alive(read_without_tokens(options.config).data_folder) else 1


def _audit(options: argparse.Namespace) -> int:
    from bot.audit import audit  # noqa: PLC0415 - see above

    settings = _settings(options)
    asyncio.run(audit(settings, _console(), options.site, options.last, options.json, options.verify))
    return 0


def _demo(options: argparse.Namespace) -> int:
    try:
        from demo.run import Options, demo  # noqa: PLC0415 - a bot in production never loads the demo
    except ModuleNotFoundError as error:
        raise NoDemoHere(str(error.name)) from error

    return demo(
        Options(
            scripted=options.yes or not sys.stdin.isatty(),
            tiny=options.tiny,
            before=options.before,
            after=options.after,
            json=options.json,
            port=options.port,
            swap_seconds=options.swap_seconds,
            keep=options.keep,
        )
    )
