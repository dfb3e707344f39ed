"""A zip without node_modules: the server installs what the app needs while it is deployed."""

from collections.abc import Awaitable, Callable

from release.azure.errors import DeploymentFailed
from release.deployments.whole import BUILD, RUN_FROM_PACKAGE, RunsFromPackage, is_on
from release.deployments.zipped import Zipped
from release.errors import ReleaseError
from release.shape import Deployed
from release.site import Site

LINES = 12


class NotBuiltThere(ReleaseError):
    problem = (
        "{0} does not build what is deployed: {1} is not set, so its packages would have no node_modules."
    )
    remedy = "`az webapp config appsettings set --slot {2} --settings {1}=true`, and the same for production."


class ServerBuildFailed(ReleaseError):
    problem = "{0} could not install what the package needs. The last lines of its log:\n{1}"
    remedy = (
        "Production is untouched. Most often the server could not reach the npm registry: "
        'package = "whole" builds all of it on the bot\'s machine.'
    )


class BuiltOnServer(Zipped):
    """The package is built on the slot itself, into wwwroot, over what is there."""

    async def problems(self, site: Site) -> tuple[ReleaseError, ...]:
        settings, called = await site.app.settings(site.staging), site.app.called(site.staging)
        found: list[ReleaseError] = []
        if not is_on(settings.get(BUILD, "")):
            found.append(NotBuiltThere(called, BUILD, site.staging))
        if is_on(packed := settings.get(RUN_FROM_PACKAGE, "")):
            found.append(RunsFromPackage(called, RUN_FROM_PACKAGE, packed, site.staging))
        return tuple(found)

    async def deploy(self, site: Site, what: Deployed, told: Callable[[str], Awaitable[None]]) -> str:
        try:
            return await super().deploy(site, what, told)
        except DeploymentFailed as error:
            lines = await (await site.kudu(site.staging)).deployment_log(await self.latest(site))
            if not lines:
                raise
            raise ServerBuildFailed(site.app.called(site.staging), "\n".join(lines[-LINES:])) from error
