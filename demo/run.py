"""`ghostbot demo`: sets everything up, lets a person or the scripted user play, and says what came of it."""

import asyncio
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from demo.chromium import find_chromium
from demo.notes import NOTES
from demo.result import Result, judge
from demo.script import Disappointed, play
from demo.stages import Opening, put_on_stage, real_opening, tiny_opening
from demo.world import DidNotStart, SiteInDemo, World, open_world
from release.ghost.cache import default_cache_folder
from release.probe import Probe

SITE = "blog"


@dataclass(frozen=True)
class Options:
    """What the command line says. `before` and `after` are versions of Ghost."""

    scripted: bool
    tiny: bool
    before: str | None
    after: str | None
    json: Path | None
    port: int
    swap_seconds: float
    keep: bool


def demo(options: Options) -> int:
    """Run it; 0 if every check held, 1 if not, 130 after Ctrl-C. No process is left behind."""
    console = Console(soft_wrap=True)
    try:
        return asyncio.run(_demo(options, console))
    except (DidNotStart, Disappointed) as error:
        console.print(f"\n[red]The demo ended early:[/red] {error}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("\nStopped; everything the demo started is gone.")
        return 130


async def _demo(options: Options, console: Console) -> int:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    folder = Path(tempfile.mkdtemp(prefix="ghostbot-demo-"))
    try:
        # Beside what else takes time: the first time it is fetched.
        browser = asyncio.create_task(_browser(console))
        async with _opening(options, console) as opening:
            return await _with_world(options, console, opening, folder, browser)
    finally:
        if options.keep:
            console.print(f"The demo's folder: {folder}")
        else:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@asynccontextmanager
async def _opening(options: Options, console: Console) -> AsyncIterator[Opening]:
    """Production's first version, prepared, with its progress on the screen."""
    opening = tiny_opening if options.tiny else real_opening
    with _progress(console) as tell:
        context = opening(options.before, options.after, default_cache_folder(), tell)
        ready = await context.__aenter__()
    try:
        yield ready
    finally:
        await context.__aexit__(None, None, None)


class _progress:  # noqa: N801 - used as a function: with _progress(console) as tell
    """What takes long, on one line at a terminal and as lines in a pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("preparing") if console.is_terminal else None

    def __enter__(self) -> Callable[[str], None]:
        if self._status is not None:
            self._status.__enter__()
        return self._tell

    def _tell(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
        else:
            self._console.print(f"... {text}", highlight=False)

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.__exit__(None, None, None)


async def _with_world(
    options: Options, console: Console, opening: Opening, folder: Path, browser: Awaitable[str]
) -> int:
    with _progress(console) as tell:
        tell("starting the local Azure and the local Slack")
        async with open_world(
            folder, {opening.node_major: opening.node}, options.swap_seconds, options.port
        ) as world:
            tell(f"starting the blog on Ghost {opening.before}")
            admin_key = await put_on_stage(world, opening, SITE)
            more: dict[str, object] = {"cache_folder": str(opening.cache), "browser": await browser}
            if opening.registry:
                more["npm_registry"] = opening.registry
            world.configure([SiteInDemo(SITE, admin_key, {"observe_minutes": 0.1})], **more)
            await world.publish_notes(NOTES)
            tell("starting the bot")
            await world.start_bot()
            if not options.scripted:
                await _play_by_hand(world, opening, console)
                return 0
            return await _play_by_script(options, world, opening, console, admin_key)


async def _browser(console: Console) -> str:
    """Where there is a browser for the pictures on the approval card; "none" where none can be had."""
    try:
        return str(await asyncio.to_thread(find_chromium))
    except (subprocess.CalledProcessError, OSError, tarfile.TarError):
        console.print("[yellow]No pictures on the approval card: a browser cannot be had here.[/yellow]")
        return "none"


async def _play_by_hand(world: World, opening: Opening, console: Console) -> None:
    blog = await world.url(SITE)
    console.print(
        Panel(
            f"Slack   [bold]{world.slack['page']}[/bold]\n"
            f"Blog    {blog} (Ghost {opening.before})\n"
            f"Azure   {world.azure['arm']}\n\n"
            f"Open the Slack page. You are [bold]ann[/bold], who may release: type\n"
            f"    [bold]/ghost upgrade {opening.after}[/bold]\n"
            "into #releases. When the card asks for approval, become [bold]ben[/bold] or [bold]cleo[/bold]\n"
            "(top left), who may approve. Ctrl-C here ends it all.",
            title="ghostbot demo",
            expand=False,
        )
    )
    await asyncio.Event().wait()


async def _play_by_script(
    options: Options, world: World, opening: Opening, console: Console, admin_key: str
) -> int:
    console.print(
        f"Slack page: {world.slack['page']}   blog: {await world.url(SITE)}   "
        f"from Ghost {opening.before} to {opening.after}",
        highlight=False,
    )
    # Besides the bot's own probe: an independent visitor who is there from the first command to the last.
    async with Probe(world.http, await world.url(SITE), ("/",), rate=5) as visitor:
        story = await play(world, SITE, opening.after, admin_key, console)
    result = await judge(world, SITE, opening, story, visitor.seen())
    _show(result, options, console)
    return 0 if result.ok else 1


def _show(result: Result, options: Options, console: Console) -> None:
    console.print(result.table())
    if options.json:
        options.json.write_text(result.as_json())
        console.print(f"The result is in {options.json}.", highlight=False)
    if not result.ok:
        console.print("[red]Not every check held.[/red]")
