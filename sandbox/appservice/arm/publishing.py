"""Publishing credentials, their policy, and the publish profile."""

from xml.sax.saxutils import quoteattr

from aiohttp import web

from sandbox.appservice.arm.resource import Resource, body_of
from sandbox.appservice.kudu.scm import publishing_user


async def list_credentials(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """POST config/publishingcredentials/list."""
    user, password = publishing_user(resource.slot), resource.slot.record.publishing_password
    scm = resource.site.scm_address(resource.slot)
    body = resource.part(
        "publishingcredentials/$",
        "publishingcredentials",
        {
            "name": None,
            "publishingUserName": user,
            "publishingPassword": password,
            "publishingPasswordHash": None,
            "publishingPasswordHashSalt": None,
            "metadata": None,
            "isDeleted": False,
            "scmUri": f"{resource.cloud.scheme}://{user}:{password}@{scm}",
        },
    )
    return web.json_response(body)


async def show_policy(
    resource: Resource, _request: web.Request, variables: dict[str, str]
) -> web.StreamResponse:
    """GET basicPublishingCredentialsPolicies/scm (ftp is never allowed here)."""
    kind = variables["kind"].lower()
    allow = resource.slot.record.basic_auth if kind == "scm" else False
    return web.json_response(_policy(resource, kind, allow=allow))


async def put_policy(
    resource: Resource, request: web.Request, variables: dict[str, str]
) -> web.StreamResponse:
    """PUT basicPublishingCredentialsPolicies/scm."""
    body = await body_of(request)
    kind = variables["kind"].lower()
    allow = bool(body.get("properties", {}).get("allow"))
    if kind == "scm":
        resource.slot.record.basic_auth = allow
        resource.cloud.store.save_site(resource.site.record)
    return web.json_response(_policy(resource, kind, allow=allow))


def _policy(resource: Resource, kind: str, *, allow: bool) -> dict[str, object]:
    return {
        "id": f"{resource.id}/basicPublishingCredentialsPolicies/{kind}",
        "name": kind,
        "type": f"{resource.type}/basicPublishingCredentialsPolicies",
        "location": resource.cloud.store.account.location,
        "properties": {"allow": allow},
    }


async def publish_profile(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST publishxml."""
    site, slot = resource.site, resource.slot
    scm, address = site.scm_address(slot), site.address(slot)
    profiles = [
        ("Web Deploy", "MSDeploy", scm),
        ("FTP", "FTP", f"ftp://{scm}/site/wwwroot"),
        ("Zip Deploy", "ZipDeploy", scm),
    ]
    rows = "".join(
        f"<publishProfile profileName={quoteattr(f'{slot.host_label} - {title}')} publishMethod={quoteattr(method)} "
        f"publishUrl={quoteattr(url)} msdeploySite={quoteattr(slot.host_label)} "
        f"userName={quoteattr(publishing_user(slot))} userPWD={quoteattr(slot.record.publishing_password)} "
        f"destinationAppUrl={quoteattr(f'{resource.cloud.scheme}://{address}')} "
        'SQLServerDBConnectionString="" mySQLDBConnectionString="" hostingProviderForumLink="" '
        'controlPanelLink="https://portal.azure.com" webSystem="WebSites"><databases /></publishProfile>'
        for title, method, url in profiles
    )
    return web.Response(text=f"<publishData>{rows}</publishData>", content_type="application/xml")
