"""A local App Service: ARM, identity, Kudu, and slots that are real processes, over real HTTP."""

from sandbox.appservice.options import Options
from sandbox.appservice.service import LocalAppService, start

__all__ = ["LocalAppService", "Options", "start"]
