"""A container on App Service: the slot's image, with a port of its own and /home from the slot only if asked for.

Source: https://learn.microsoft.com/azure/app-service/configure-custom-container
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from sandbox.appservice.content import Content
from sandbox.appservice.launch import Launch, Whereabouts, at_home, below, variables
from sandbox.appservice.nodes import CannotStart, Runtimes
from sandbox.appservice.records import ImageRecord, SlotRecord

IMAGE = "DOCKER|"
STORAGE = "WEBSITES_ENABLE_APP_SERVICE_STORAGE"
PORT = "WEBSITES_PORT"
# Loaded before the app: containers have a network each, and two of them may listen on the same port.
_PUBLISHED_PORT = Path(__file__).with_name("published_port.js")


def is_image(slot: SlotRecord) -> bool:
    """The slot runs a container."""
    return str(slot.web.get("linuxFxVersion", "")).upper().startswith(IMAGE)


class Containers:
    """A slot with an image such as DOCKER|registry.example.com/blog:6.4.0."""

    kind = "app,linux,container"
    home = "/home"

    def __init__(self, runtimes: Runtimes, images: Mapping[str, ImageRecord]) -> None:
        self._runtimes = runtimes
        self._images = images

    def node(self, slot: SlotRecord) -> Path:
        """The image's own."""
        return self._runtimes.folder(f"NODE|{self._image(slot).node}")

    def environment(self, slot: SlotRecord, content: Content, where: Whereabouts) -> dict[str, str]:
        """Of WebJobs and commands, which see the slot's /home in any case."""
        return variables(slot, self.node(slot), content.home, where)

    def real(self, text: str, content: Content) -> str:
        """Below /home."""
        return at_home(text, content)

    def plan(self, slot: SlotRecord, content: Content, where: Whereabouts, port: int) -> Launch | None:
        """A fresh copy of the image's files, and the command in there."""
        image = self._image(slot)
        inside = content.home.with_name(f"{content.home.name}.container")
        shutil.rmtree(inside, ignore_errors=True)
        shutil.copytree(image.folder, inside / "app", symlinks=True)
        home = content.home if slot.app_settings.get(STORAGE, "").lower() == "true" else inside / "home"
        home.mkdir(parents=True, exist_ok=True)
        asked = slot.app_settings.get(PORT) or str(image.port)
        told = variables(slot, self.node(slot), home, where) | {
            "PORT": asked,
            "NODE_OPTIONS": f"--require {_PUBLISHED_PORT}",
            "SANDBOX_PUBLISHED_PORT": f"{asked}:{port}",
        }
        command = below(str(slot.web.get("appCommandLine") or ""), home) or image.command
        return Launch(command, told, inside / "app")

    def _image(self, slot: SlotRecord) -> ImageRecord:
        reference = str(slot.web.get("linuxFxVersion", ""))[len(IMAGE) :]
        found = self._images.get(reference)
        if found is None:
            raise CannotStart(
                f'DockerApiException: Docker API responded with status code=NotFound, response={{"message":"manifest '
                f'for {reference} not found: manifest unknown: manifest unknown"}} - Image pull failed: Verify docker '
                "image configuration and credentials (if using private repository)"
            )
        return found
