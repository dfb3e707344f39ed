"""How a slot's process is started: the command, the environment and where it is reached."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.appservice.content import Content
from sandbox.appservice.processes import INSTANCE_VARIABLE
from sandbox.appservice.records import PRODUCTION, SlotRecord

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
    sees: Callable[[str], str] = str  # the value of a setting, with references to Key Vault resolved


@dataclass(frozen=True)
class Launch:
    """A command line for `sh -c`, ready to start.

    It is reached at the port it was planned for, or at `pipe`: on Windows a named pipe, here a socket.
    """

    command: str
    environment: dict[str, str]
    folder: Path
    pipe: Path | None = None


def variables(slot: SlotRecord, node: Path, home: Path, where: Whereabouts) -> dict[str, str]:
    """The environment that all kinds of slots give their processes: nothing of the sandbox's own is in it.

    On App Service the slot's folder is /home. Here it is elsewhere, so a setting that begins with
    /home/site, /home/data or /home/LogFiles gets the real place.
    """
    told = {"PATH": f"{node}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    for name, value in slot.app_settings.items():
        real = below(where.sees(value), home)
        told[name] = real
        told[f"APPSETTING_{name}"] = real
    for name, string in slot.connection_strings.items():
        told[_CONNECTION_PREFIXES.get(string.type, "CUSTOMCONNSTR_") + name] = where.sees(string.value)
    return told | {
        "HOME": str(home),
        "WEBSITE_SITE_NAME": where.site,
        "WEBSITE_SLOT_NAME": "Production" if slot.name == PRODUCTION else slot.name,
        "WEBSITE_HOSTNAME": where.hostname,
        "WEBSITE_RESOURCE_GROUP": where.resource_group,
        "WEBSITE_OWNER_NAME": f"{where.subscription}+{where.resource_group}",
        "WEBSITE_SKU": "Standard",
        INSTANCE_VARIABLE: where.instance,
    }


def below(text: str, home: Path) -> str:
    """The text with /home/site, /home/data and /home/LogFiles replaced by where they are."""
    return _HOME_PATH.sub(str(home), text)


def at_home(text: str, content: Content) -> str:
    """As `below`, for a slot's own folder."""
    return below(text, content.home)


def shell() -> str:
    """The shell for start commands."""
    return "/bin/sh" if os.name == "posix" else "sh"
