"""The SCM container's way to the app's container beside it: two containers, two addresses, one network.

On App Service for Linux the SCM site runs in a container of its own, so `localhost` there is not the app. The app's
address is in a file of the folder that both share, as KuduLite itself reads it for its web SSH
(https://github.com/Azure-App-Service/KuduLite). Here all containers are one machine: the address in the file is
one that only curl knows a way to, by a setting of its own.
"""

import re
from pathlib import Path

from sandbox.appservice.kudu.scm import Scm
from sandbox.appservice.platforms.containers import IMAGE, is_image
from sandbox.appservice.records import write_atomically

INSTANCE = "lw0sdlwk0"
_SHARED = re.compile(r"(?<![\w./-])/appsvctmp(?=/)")
_APP_ADDRESS = "169.254.130.2"
_APP_PORT = 8080
_NOBODY_LISTENS = ("127.0.0.1", 9)


def beside_the_app(scm: Scm, command: str) -> tuple[str, dict[str, str]]:
    """The command with /appsvctmp where it really is, and the variables that it gets beside the slot's own.

    On Windows there is no such folder.
    """
    if scm.site.record.windows:
        return command, {}
    folder = scm.cloud.store.folder / "sites" / scm.site.name / "appsvctmp" / scm.slot.name
    folder.mkdir(parents=True, exist_ok=True)
    _point(folder, scm)
    return _SHARED.sub(str(folder), command), {
        "WEBSITE_ROLE_INSTANCE_ID": INSTANCE,
        "CURL_HOME": str(folder),
    }


def _point(folder: Path, scm: Scm) -> None:
    """The address is there while the app runs; it is reached on the port that App Service expects it on."""
    worker = scm.slot.occupant.worker
    port = scm.slot.record.app_settings.get("WEBSITES_PORT") or _usual_port(scm)
    host, real = (worker.host, worker.port) if worker.accepts else _NOBODY_LISTENS
    nowhere, closed = _NOBODY_LISTENS
    # The first that fits counts: every other port of the container is closed.
    ways = (f"{_APP_ADDRESS}:{port}:{host}:{real}", f"{_APP_ADDRESS}::{nowhere}:{closed}")
    write_atomically(folder / ".curlrc", "".join(f'connect-to = "{way}"\n' for way in ways))
    write_atomically(folder / f"ipaddr_{INSTANCE}", f"{_APP_ADDRESS}:2222")


def _usual_port(scm: Scm) -> int:
    """The one that the image names; code is started on 8080."""
    image = scm.cloud.store.images.get(str(scm.slot.record.web.get("linuxFxVersion", ""))[len(IMAGE) :])
    return image.port if is_image(scm.slot.record) and image is not None else _APP_PORT
