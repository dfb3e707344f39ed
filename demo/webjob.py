"""The backup WebJob of docs/webjob, put where App Service looks for it."""

import shutil
from pathlib import Path

NAME = "BackupDb-Manual"
SOURCE = Path(__file__).parents[1] / "docs" / "webjob" / NAME


def install_webjob(wwwroot: Path) -> Path:
    """The job's folder below `wwwroot`; the same files that operators install."""
    folder = wwwroot / "App_Data" / "jobs" / "triggered" / NAME
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    return folder
