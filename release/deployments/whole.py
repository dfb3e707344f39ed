"""A zip with everything the app needs, deployed as it is; package.json says its version."""

from release.deployments.zipped import Zipped
from release.errors import ReleaseError
from release.site import Site


class BuiltAgain(ReleaseError):
    problem = "{0} builds what is deployed ({1}={2}): it would install again what the package brings along."
    remedy = (
        'Set package = "built on the server" for this site in ghostbot.toml, or remove the setting: '
        "`az webapp config appsettings delete --slot {3} --setting-names {1}`."
    )


class RunsFromPackage(ReleaseError):
    problem = "{0} runs from a package ({1}={2}): its files cannot be written to."
    remedy = (
        'Set package = "run from package" for this site in ghostbot.toml, or remove the setting: '
        "`az webapp config appsettings delete --slot {3} --setting-names {1}`."
    )


BUILD = "SCM_DO_BUILD_DURING_DEPLOYMENT"
RUN_FROM_PACKAGE = "WEBSITE_RUN_FROM_PACKAGE"


class Whole(Zipped):
    """The package is unpacked into wwwroot, over what is there."""

    async def problems(self, site: Site) -> tuple[ReleaseError, ...]:
        settings = await site.app.settings(site.staging)
        found: list[ReleaseError] = []
        for name, problem in ((BUILD, BuiltAgain), (RUN_FROM_PACKAGE, RunsFromPackage)):
            value = settings.get(name, "")
            if is_on(value):
                # The address of a package is signed: a secret.
                shown = "an address" if "://" in value else value
                found.append(problem(site.app.called(site.staging), name, shown, site.staging))
        return tuple(found)


def is_on(value: str) -> bool:
    """Whether such a setting has an effect; an address is one, too: of a package that lies elsewhere."""
    return value.strip().lower() not in ("", "0", "false")
