"""How a slot's process is started: the command and the environment, as App Service for Linux makes them."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.appservice.content import Content
from sandbox.appservice.nodes import CannotStart, Runtimes
from sandbox.appservice.processes import INSTANCE_VARIABLE
from sandbox.appservice.records import PRODUCTION, SlotRecord

# What the Node images start when there is neither a start command nor a package.json.
_ENTRY_FILES = ("bin/www", "server.js", "app.js", "index.js", "hostingstart.js")
# https://learn.microsoft.com/azure/app-service/reference-app-settings#variable-prefixes
_CONNECTION_PREFIXES = {
    "MySql": "MYSQLCONNSTR_",
    "SQLServer": "SQLCONNSTR_",
    "SQLAzure": "SQLAZURECONNSTR_",
    "PostgreSQL": "POSTGRESQLCONNSTR_",
    "Custom": "CUSTOMCONNSTR_",
}
_HOME_PATH = re.compile(r"(?<![\w./-])/home(?=/(site|data|LogFiles)\b)")


@dataclass(frozen=True)
class Whereabouts:
    """What a process is told about the place it runs in."""

    site: str
    hostname: str
    resource_group: str
    subscription: str
    instance: str


@dataclass(frozen=True)
class Launch:
    """A command line for `sh -c`, ready to start."""

    command: str
    environment: dict[str, str]
    folder: Path


def environment(slot: SlotRecord, content: Content, runtimes: Runtimes, where: Whereabouts) -> dict[str, str]:
    """The environment of a slot's process (without PORT): nothing of the sandbox's own is in it.

    On App Service the slot's folder is /home. Here it is elsewhere, so a setting that begins with
    /home/site, /home/data or /home/LogFiles gets the real place.
    """
    node = runtimes.folder(str(slot.web.get("linuxFxVersion", "")))
    variables = {
        "PATH": f"{node}:{content.wwwroot}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    for name, value in slot.app_settings.items():
        real = at_home(value, content)
        variables[name] = real
        variables[f"APPSETTING_{name}"] = real
    for name, string in slot.connection_strings.items():
        variables[_CONNECTION_PREFIXES.get(string.type, "CUSTOMCONNSTR_") + name] = string.value
    variables |= {
        "HOME": str(content.home),
        "WEBSITE_SITE_NAME": where.site,
        "WEBSITE_SLOT_NAME": "Production" if slot.name == PRODUCTION else slot.name,
        "WEBSITE_HOSTNAME": where.hostname,
        "WEBSITE_RESOURCE_GROUP": where.resource_group,
        "WEBSITE_OWNER_NAME": f"{where.subscription}+{where.resource_group}",
        "WEBSITE_SKU": "Standard",
        INSTANCE_VARIABLE: where.instance,
    }
    return variables


def at_home(text: str, content: Content) -> str:
    """The text with /home/site, /home/data and /home/LogFiles replaced by where they are."""
    return _HOME_PATH.sub(str(content.home), text)


def plan(
    slot: SlotRecord, content: Content, runtimes: Runtimes, where: Whereabouts, port: int
) -> Launch | None:
    """What to start; None when there is no app yet (App Service shows its welcome page). Raises CannotStart."""
    variables = environment(slot, content, runtimes, where) | {"PORT": str(port)}
    command = at_home(str(slot.web.get("appCommandLine") or ""), content) or _start_script(content.wwwroot)
    if command is None:
        return None
    return Launch(command, variables, content.wwwroot)


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


def shell() -> str:
    """The shell for start commands."""
    return "/bin/sh" if os.name == "posix" else "sh"
