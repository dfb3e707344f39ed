"""Code on App Service for Windows: iisnode starts the file that web.config names and talks to it over a pipe.

Sources: https://github.com/Azure/iisnode/wiki and
https://azureossd.github.io/2022/06/24/Avoiding-hardcoding-Node-versions-on-App-Service-Windows/
"""

import re
import shlex
import tempfile
import uuid
from pathlib import Path

from defusedxml.ElementTree import ParseError, fromstring

from sandbox.appservice.content import Content
from sandbox.appservice.launch import Launch, Whereabouts, variables
from sandbox.appservice.nodes import CannotStart, Runtimes
from sandbox.appservice.records import SlotRecord

NODE_VERSION = "WEBSITE_NODE_DEFAULT_VERSION"
_WINDOWS_HOME = re.compile(r"[CD]:[\\/]home(?=[\\/](site|data|LogFiles)\b)[^;\"]*", re.IGNORECASE)


class Windows:
    """A slot without a stack: an app setting picks Node, web.config the handler; package.json starts nothing."""

    kind = "app"
    home = r"D:\home"

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes

    def node(self, slot: SlotRecord) -> Path:
        """By WEBSITE_NODE_DEFAULT_VERSION."""
        version = slot.app_settings.get(NODE_VERSION, "")
        if not version:
            raise CannotStart(f"{NODE_VERSION} is not set: App Service would start the oldest Node it has.")
        return self._runtimes.folder(f"NODE|{version}")

    def environment(self, slot: SlotRecord, content: Content, where: Whereabouts) -> dict[str, str]:
        """Without PORT. Paths below D:\\home in settings are where the slot's folder is."""
        told = variables(slot, self.node(slot), content.home, where)
        return {name: self.real(value, content) for name, value in told.items()}

    def real(self, text: str, content: Content) -> str:
        """Below D:\\home, also as C:\\home is said of newer machines."""
        return _WINDOWS_HOME.sub(lambda path: _real(path[0], content), text)

    def plan(self, slot: SlotRecord, content: Content, where: Whereabouts, port: int) -> Launch | None:
        """iisnode with the handler of web.config; the welcome page where there is nothing at all."""
        del port  # there is none: PORT is the name of a pipe, and code that wants a number fails
        handler = _handler(content.wwwroot)
        if handler is None:
            return None
        told = self.environment(slot, content, where)
        # Short and outside the state folder: a socket's path may have 107 characters.
        pipe = Path(tempfile.mkdtemp(prefix="iisnode-")) / uuid.uuid4().hex[:12]
        told |= {"PORT": str(pipe), "IISNODE_VERSION": "0.2.26", "APP_POOL_ID": where.site}
        return Launch(f"node {shlex.quote(handler)}", told, content.wwwroot, pipe)


def _handler(wwwroot: Path) -> str | None:
    config = wwwroot / "web.config"
    if not config.is_file():
        if any(wwwroot.iterdir()):
            raise CannotStart(
                "There is no web.config: IIS serves files, and answers 403 where there is no default document."
            )
        return None
    try:
        root = fromstring(config.read_text(encoding="utf-8-sig"))
    except ParseError as error:
        raise CannotStart(f"HTTP Error 500.19: web.config is malformed: {error}") from error
    for entry in root.iterfind(".//system.webServer/handlers/add"):
        if entry.get("modules") == "iisnode" and (wwwroot / entry.get("path", "")).is_file():
            return entry.get("path", "")
    raise CannotStart("web.config names no file that exists for iisnode to start.")


def _real(path: str, content: Content) -> str:
    return str(content.home) + path[len(Windows.home) :].replace("\\", "/")
