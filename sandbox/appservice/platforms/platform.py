"""What a kind of App Service decides about its slots."""

from pathlib import Path
from typing import Protocol

from sandbox.appservice.content import Content
from sandbox.appservice.launch import Launch, Whereabouts
from sandbox.appservice.records import SlotRecord


class Platform(Protocol):
    """One of them a slot at a time: code on Linux, code on Windows, or a container."""

    kind: str  # as ARM shows it
    home: str  # what /home is called in there

    def node(self, slot: SlotRecord) -> Path:
        """The folder with the Node of WebJobs and deployments; raises CannotStart."""
        ...

    def environment(self, slot: SlotRecord, content: Content, where: Whereabouts) -> dict[str, str]:
        """Of WebJobs, Kudu's commands and builds; raises CannotStart."""
        ...

    def real(self, text: str, content: Content) -> str:
        """The text with paths below the slot's /home replaced by where they are."""
        ...

    def plan(self, slot: SlotRecord, content: Content, where: Whereabouts, port: int) -> Launch | None:
        """What to start; None when there is no app yet: the welcome page. Raises CannotStart."""
        ...
