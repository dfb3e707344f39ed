"""The managed identity endpoint, and the part of Entra ID that the az command line signs in with."""

from aiohttp import web

from sandbox.appservice.cloud import Cloud


def identity_app(cloud: Cloud) -> web.Application:
    """What IDENTITY_ENDPOINT points at (App Service, api-version 2019-08-01)."""

    async def token(request: web.Request) -> web.Response:
        account = cloud.store.account
        if request.headers.get("X-IDENTITY-HEADER") != account.identity_header:
            return web.json_response(
                {"statusCode": 401, "message": "The X-IDENTITY-HEADER is missing or wrong."}, status=401
            )
        if "api-version" not in request.query:
            return web.json_response(
                {"statusCode": 400, "message": "The api-version is missing."}, status=400
            )
        resource = request.query.get("resource")
        if not resource:
            return web.json_response(
                {"statusCode": 400, "message": "The resource parameter is missing."}, status=400
            )
        asked = request.query.get("client_id", account.client_id)
        if asked != account.client_id:
            message = (
                "No User Assigned or Delegated Managed Identity found for specified "
                "ClientId/ResourceId/PrincipalId."
            )
            return web.json_response({"statusCode": 400, "message": message}, status=400)
        access, expires = cloud.tokens.issue(resource)
        return web.json_response(
            {
                "access_token": access,
                "expires_on": str(expires),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": account.client_id,
            }
        )

    app = web.Application(middlewares=[cloud.faults.middleware(lambda _: ("identity", None))])
    app.router.add_get("/msi/token", token)
    return app


def add_entra(app: web.Application, cloud: Cloud) -> None:
    """OpenID discovery and the client credentials grant, at /{tenant}/ beside ARM."""

    async def discovery(request: web.Request) -> web.Response:
        authority = f"{cloud.arm_url}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "token_endpoint": f"{authority}/oauth2/v2.0/token",
                "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{authority}/discovery/v2.0/keys",
                "issuer": f"{authority}/v2.0",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "response_types_supported": ["code", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def grant(request: web.Request) -> web.Response:
        form = await request.post()
        account = cloud.store.account
        if form.get("grant_type") != "client_credentials":
            return _refused(
                "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type."
            )
        if request.match_info["tenant"] != account.tenant:
            return _refused(
                "invalid_request", f"AADSTS90002: Tenant '{request.match_info['tenant']}' not found."
            )
        if form.get("client_id") != account.client_id:
            return _refused(
                "unauthorized_client",
                f"AADSTS700016: Application with identifier '{form.get('client_id', '')!s}' was not found "
                "in the directory.",
            )
        if form.get("client_secret") != account.client_secret:
            return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        audience = str(form.get("scope", "")).removesuffix("/.default")
        access, _ = cloud.tokens.issue(audience)
        lifetime = cloud.options.token_seconds
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": access,
            }
        )

    for prefix in ("/{tenant}", "/{tenant}/v2.0"):
        app.router.add_get(f"{prefix}/.well-known/openid-configuration", discovery)
    app.router.add_post("/{tenant}/oauth2/v2.0/token", grant)


def _refused(error: str, description: str, status: int = 400) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
