"""What people can ask for: the one place where commands and buttons start, decide and look at releases."""

from release.asked.deciding import Deciding, NoSuchApproval
from release.asked.looking import Looking
from release.asked.starting import Starting


class Releases(Starting, Deciding, Looking):
    """Starts, decides and shows releases."""


__all__ = ["NoSuchApproval", "Releases"]
