"""`python -m sandbox`: the local App Service and the local Slack on their own."""

import argparse
import asyncio
import contextlib
import json
import logging
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sandbox import appservice, github, slack
from sandbox.appservice.cloud import BadSite
from sandbox.appservice.records import StateInUse

_DEFAULTS = appservice.Options()


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; 0 after an orderly end, 1 if it could not start, 2 for wrong arguments."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        return asyncio.run(_serve(arguments))
    except (StateInUse, BadSite, OSError) as problem:
        sys.stderr.write(f"sandbox: {problem}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Azure App Service (ARM, identity, Kudu, and slots that are real processes), a "
        "local Slack and a local GitHub (releases), over real HTTP. Prints addresses and "
        "credentials, then serves until Ctrl-C.",
        epilog="Tests disturb it through the control address: see POST /_sandbox/faults and "
        "PUT /_sandbox/sites/{name} in sandbox/README.md.",
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="keep everything here (default: a folder that is removed at the end)",
    )
    where.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    where.add_argument("--arm-port", type=_port, default=0, metavar="PORT", help="ARM, sign-in and control")
    where.add_argument(
        "--front-port",
        type=_port,
        default=0,
        metavar="PORT",
        help="all sites by their azurewebsites.net host names",
    )
    where.add_argument(
        "--identity-port", type=_port, default=0, metavar="PORT", help="the managed identity endpoint"
    )
    where.add_argument(
        "--slack-port", type=_port, default=0, metavar="PORT", help="Slack (page, Web API, control)"
    )
    where.add_argument(
        "--github-port", type=_port, default=0, metavar="PORT", help="GitHub (releases, control)"
    )
    where.add_argument(
        "--https", action="store_true", help="https with a CA of its own; prints where the CA is"
    )
    where.add_argument("--no-azure", action="store_true", help="without the local App Service")
    where.add_argument("--no-slack", action="store_true", help="without the local Slack")
    where.add_argument("--no-github", action="store_true", help="without the local GitHub")
    what = parser.add_argument_group("sites")
    what.add_argument(
        "--site",
        action="append",
        type=_site,
        default=[],
        metavar="NAME[:SLOT,...]",
        help="a web app; its slots besides production are 'staging' unless named; repeatable (default: blog)",
    )
    what.add_argument(
        "--node",
        action="append",
        type=_node,
        default=[],
        metavar="MAJOR=PATH",
        help="the Node binary for stacks of this major version; repeatable (default: the one on PATH, under its own "
        "version)",
    )
    pace = parser.add_argument_group("pace (seconds)")
    for name, text in (
        ("swap", "how long a swap takes at least; Azure takes about 62"),
        ("recycle", "how long SCM is away after settings were written"),
        ("hold", "how long a request waits for a site that is starting"),
        ("warmup", "one of the five tries of a swap's warm-up"),
        ("drain", "how long a swap waits for requests in flight on the old process"),
        ("token", "how long tokens are valid"),
        ("scm", "how much longer each request to SCM takes"),
    ):
        default = getattr(_DEFAULTS, f"{name}_seconds")
        pace.add_argument(
            f"--{name}-seconds",
            type=_seconds,
            default=default,
            metavar="S",
            help=f"{text} (default: {default:g})",
        )
    pace.add_argument(
        "--scm-bytes",
        type=_seconds,
        default=_DEFAULTS.scm_bytes,
        metavar="B",
        help="bytes a second to SCM, and as many from it (default: as fast as this machine)",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of a table")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _site(text: str) -> tuple[str, tuple[str, ...]]:
    name, colon, slots = text.partition(":")
    if not name:
        raise argparse.ArgumentTypeError("a site needs a name")
    return name, tuple(one for one in slots.split(",") if one) if colon else ("staging",)


def _node(text: str) -> tuple[int, Path]:
    match = re.fullmatch(r"(\d+)=(.+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not MAJOR=PATH, for example 22=/usr/bin/node")
    path = Path(match[2]).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{path} is not a file")
    if path.name != "node":
        raise argparse.ArgumentTypeError(f"{path} has to be named node: its folder goes on the sites' PATH")
    return int(match[1]), path


async def _serve(arguments: argparse.Namespace) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with contextlib.ExitStack() as stack:
        state = arguments.state or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True))
        )
        async with _running(arguments, state) as addresses:
            sys.stdout.write(json.dumps(addresses) + "\n" if arguments.json else _table(addresses))
            sys.stdout.flush()
            await stopped.wait()
    return 0


@asynccontextmanager
async def _running(arguments: argparse.Namespace, state: Path) -> AsyncIterator[dict[str, dict[str, object]]]:
    async with contextlib.AsyncExitStack() as stack:
        addresses: dict[str, dict[str, object]] = {}
        if not arguments.no_azure:
            azure = await appservice.start(state / "azure", _options(arguments))
            stack.push_async_callback(azure.stop)
            addresses["azure"] = azure.as_json()
        if not arguments.no_slack:
            chat = await slack.start(state / "slack", arguments.host, arguments.slack_port)
            stack.push_async_callback(chat.stop)
            addresses["slack"] = dict(chat.as_json())
        if not arguments.no_github:
            hub = await github.start(arguments.host, arguments.github_port)
            stack.push_async_callback(hub.stop)
            addresses["github"] = hub.as_json()
        yield addresses


def _options(arguments: argparse.Namespace) -> appservice.Options:
    return appservice.Options(
        host=arguments.host,
        arm_port=arguments.arm_port,
        front_port=arguments.front_port,
        identity_port=arguments.identity_port,
        sites=dict(arguments.site or [("blog", ("staging",))]),
        node=dict(arguments.node),
        https=arguments.https,
        swap_seconds=arguments.swap_seconds,
        recycle_seconds=arguments.recycle_seconds,
        hold_seconds=arguments.hold_seconds,
        drain_seconds=arguments.drain_seconds,
        warmup_seconds=arguments.warmup_seconds,
        token_seconds=int(arguments.token_seconds),
        scm_seconds=arguments.scm_seconds,
        scm_bytes=arguments.scm_bytes,
    )


def _table(addresses: dict[str, dict[str, object]]) -> str:
    rows: list[tuple[str, str]] = []
    for service, values in addresses.items():
        rows.append((f"{service}:", ""))
        rows += _rows(values, "  ")
    width = max(len(name) for name, _ in rows) + 2
    return (
        "".join(f"{name:<{width}}{value}".rstrip() + "\n" for name, value in rows)
        + "Ctrl-C stops everything.\n"
    )


def _rows(values: dict[str, object], indent: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows.append((f"{indent}{name}", ""))
            rows += _rows(value, f"{indent}  ")
        elif value is not None:
            rows.append((f"{indent}{name}", str(value)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
