"""The sign of life that `ghostbot healthy` looks for: a file the running bot touches."""

import time
from pathlib import Path

NAME = "heartbeat"
SECONDS = 10


def beat(data_folder: Path) -> None:
    """The event loop turns: say so."""
    (data_folder / NAME).touch()


def alive(data_folder: Path) -> bool:
    """Whether a bot that uses this folder has shown a sign of life within the last three beats."""
    heartbeat = data_folder / NAME
    return heartbeat.exists() and time.time() - heartbeat.stat().st_mtime < 3 * SECONDS
