"""A slot's SCM site (Kudu): files, zip deployments, WebJobs, commands. Large things are streamed.

Calls that are safe to repeat are repeated while the SCM site recycles (502 and 503 for seconds to
minutes after a settings write); a deployment and a WebJob's run are asked for once.
"""

from release.azure.commands import Commands
from release.azure.deployments import Deployments
from release.azure.files import Entry, Files
from release.azure.webjobs import WebJobRun, WebJobs


class Kudu(Files, Deployments, WebJobs, Commands):
    """All of a slot's SCM site."""


__all__ = ["Entry", "Kudu", "WebJobRun"]
