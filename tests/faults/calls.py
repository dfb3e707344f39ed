"""Every call a release makes of Azure, written out: a new one is noticed, and gets its faults."""

import re
from dataclasses import dataclass

from sandbox.appservice.faults import Seen


@dataclass(frozen=True)
class Call:
    """A kind of request. `path` is a regular expression for the path with its query; `acts`: it changes something."""

    name: str
    host: str
    slot: str
    method: str
    path: str
    acts: bool = False

    def made(self, seen: Seen) -> bool:
        """Whether a request was this call."""
        slot = seen.slot.partition("/")[2] or "production" if seen.slot else ""
        return (
            seen.host == self.host
            and slot == self.slot
            and seen.method == self.method
            and re.search(self.path, seen.path) is not None
        )


def _arm(slot: str, method: str, rest: str, acts: bool = False) -> Call:
    resource = "/sites/[^/?]+" if slot == "production" else f"/slots/{slot}"
    return Call(
        f"{method} {slot}{rest}", "arm", slot, method, rf"{resource}{rest}(/[-0-9a-f]{{36}})?\?", acts
    )


def _scm(slot: str, method: str, name: str, path: str, acts: bool = False) -> Call:
    return Call(f"{method} scm of {slot}: {name}", "scm", slot, method, path, acts)


_OWN = r"wwwroot/package\.json|backup\.db|ghost\.db[^/]*|\.ghostbot[^/]*\.json"
_FOLDER = ("a folder", r"^/api/vfs/.*/$")
_CONTENT = ("a file of the content", rf"^/api/vfs/(?!.*/(?:{_OWN})$).*[^/]$")


def _file(name: str) -> tuple[str, str]:
    return name, rf"^/api/vfs/.*/{re.escape(name)}$"


_PACKAGE = ("package.json", r"^/api/vfs/site/wwwroot/package\.json$")


_JOB = "/api/triggeredwebjobs/[^/]+"

CALLS = (
    Call("GET a token", "identity", "", "GET", "^/msi/token"),
    _arm("production", "GET", ""),
    _arm("production", "POST", "/config/appsettings/list"),
    _arm("production", "POST", "/config/connectionstrings/list"),
    _arm("production", "GET", "/config/slotConfigNames"),
    _arm("production", "PUT", "/config/slotConfigNames", acts=True),
    _arm("production", "GET", "/config/web"),
    _arm("production", "GET", "/config/authsettingsV2"),
    _arm("production", "GET", "/usages"),
    _arm("staging", "GET", ""),
    _arm("staging", "POST", "/config/appsettings/list"),
    _arm("staging", "POST", "/config/connectionstrings/list"),
    _arm("staging", "PUT", "/config/appsettings", acts=True),
    _arm("staging", "GET", "/config/web"),
    _arm("staging", "PATCH", "/config/web", acts=True),
    _arm("staging", "GET", "/config/authsettingsV2"),
    _arm("staging", "POST", "/stop", acts=True),
    _arm("staging", "POST", "/start", acts=True),
    _arm("staging", "POST", "/applySlotConfig", acts=True),
    _arm("staging", "POST", "/slotsswap", acts=True),
    _arm("staging", "GET", "/operationresults"),
    _scm("production", "GET", *_FOLDER),
    _scm("production", "GET", *_CONTENT),
    _scm("production", "GET", *_PACKAGE),
    _scm("production", "GET", *_file("backup.db")),
    _scm("production", "GET", *_file(".ghostbot-content.json")),
    _scm("production", "GET", *_file(".ghostbot-silent.json")),
    # It asks the app for a page and changes nothing.
    _scm("production", "POST", "a command", "^/api/command$"),
    _scm("production", "GET", "the WebJob", f"^{_JOB}$"),
    _scm("production", "GET", "the WebJob's runs", f"^{_JOB}/history$"),
    _scm("production", "POST", "a run of the WebJob", f"^{_JOB}/run$", acts=True),
    _scm("staging", "GET", *_FOLDER),
    _scm("staging", "GET", *_PACKAGE),
    _scm("staging", "GET", *_file("backup.db")),
    _scm("staging", "GET", *_file(".ghostbot.json")),
    _scm("staging", "GET", *_file(".ghostbot-content.json")),
    _scm("staging", "GET", *_file(".ghostbot-silent.json")),
    _scm("staging", "PUT", *_CONTENT, acts=True),
    _scm("staging", "PUT", *_file("ghost.db"), acts=True),
    _scm("staging", "PUT", *_file(".ghostbot.json"), acts=True),
    _scm("staging", "PUT", *_file(".ghostbot-content.json"), acts=True),
    _scm("staging", "DELETE", "a file beside the database", r"^/api/vfs/.*/ghost\.db-\w+$", acts=True),
    _scm("staging", "DELETE", *_file(".ghostbot-silent.json"), acts=True),
    _scm("staging", "POST", "a command", "^/api/command$"),
    _scm("staging", "GET", "the last deployment", "^/api/deployments/latest$"),
    _scm("staging", "POST", "a deployment", r"^/api/zipdeploy\?", acts=True),
    _scm("staging", "GET", "the WebJob", f"^{_JOB}$"),
    _scm("staging", "GET", "the WebJob's runs", f"^{_JOB}/history$"),
    _scm("staging", "POST", "a run of the WebJob", f"^{_JOB}/run$", acts=True),
)


def called(seen: Seen) -> tuple[Call, ...]:
    """The rows of the table that a request belongs to: exactly one, or the table is wrong."""
    return tuple(call for call in CALLS if call.made(seen))
