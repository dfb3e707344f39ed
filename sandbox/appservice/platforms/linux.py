"""Code on App Service for Linux: the stack picks Node, the start command or package.json what is started."""

import json
from pathlib import Path

from sandbox.appservice.content import Content
from sandbox.appservice.launch import Launch, Whereabouts, at_home, variables
from sandbox.appservice.nodes import CannotStart, Runtimes
from sandbox.appservice.records import SlotRecord

# What the Node images start when there is neither a start command nor a package.json.
_ENTRY_FILES = ("bin/www", "server.js", "app.js", "index.js", "hostingstart.js")


class Linux:
    """A slot with a stack such as NODE|22-lts."""

    kind = "app,linux"
    home = "/home"

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes

    def node(self, slot: SlotRecord) -> Path:
        """By linuxFxVersion."""
        return self._runtimes.folder(str(slot.web.get("linuxFxVersion", "")))

    def environment(self, slot: SlotRecord, content: Content, where: Whereabouts) -> dict[str, str]:
        """Without PORT."""
        node = self.node(slot)
        told = variables(slot, node, content.home, where)
        return told | {"PATH": f"{node}:{content.wwwroot}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"}

    def real(self, text: str, content: Content) -> str:
        """Below /home."""
        return at_home(text, content)

    def plan(self, slot: SlotRecord, content: Content, where: Whereabouts, port: int) -> Launch | None:
        """The start command, else package.json's start script, else a file of a usual name."""
        told = self.environment(slot, content, where) | {"PORT": str(port)}
        command = at_home(str(slot.web.get("appCommandLine") or ""), content) or _start_script(
            content.wwwroot
        )
        return Launch(command, told, content.wwwroot) if command else None


def _start_script(wwwroot: Path) -> str | None:
    package = wwwroot / "package.json"
    if package.is_file():
        try:
            manifest = json.loads(package.read_text())
        except ValueError as error:
            raise CannotStart(f"package.json is not valid JSON: {error}") from error
        script = manifest.get("scripts", {}).get("start") if isinstance(manifest, dict) else None
        if script:
            return str(script)
    entry = next((name for name in _ENTRY_FILES if (wwwroot / name).is_file()), None)
    return f"node {entry}" if entry else None
