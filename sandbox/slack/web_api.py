"""The front of the Web API: tokens, scopes, rate limits, faults and the log of calls."""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import hdrs, web

from sandbox.slack import api_chat, api_conversations, api_files, api_people, api_views
from sandbox.slack.arguments import read_arguments
from sandbox.slack.faults import Fault
from sandbox.slack.methods import Method, Token, require_scope
from sandbox.slack.shapes import Json, SlackRefusal, now
from sandbox.slack.workspace import Workspace

CALLS_KEPT = 2_000
SECRET_ARGUMENTS = ("token", "client_secret")


class WebApi:
    """Answers ``/api/<method>`` as slack.com does: almost always 200, with ``ok`` in the body."""

    def __init__(
        self, workspace: Workspace, more: tuple[Method, ...], posted: Callable[[Json], None]
    ) -> None:
        """``more``: methods of other parts. ``posted`` hears of every message the bot posted."""
        self._workspace = workspace
        self._posted = posted
        modules = (api_chat, api_conversations, api_files, api_people, api_views)
        methods = [method for module in modules for method in module.METHODS]
        self._methods: Mapping[str, Method] = {method.name: method for method in (*methods, *more)}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One call, faults included."""
        name = request.match_info["method"]
        fault = self._workspace.faults.next_for(name)
        call: Json = {"method": name, "at": now()}
        if fault is not None and not fault.after:
            if fault.hang:
                await asyncio.sleep(fault.hang)
            if fault.drop:
                return self._dropped(request, call)
            if fault.status or fault.error or fault.retry_after is not None:
                return self._faulty(fault, call)
        status, body, headers = await self._call(request, name, call)
        self._log(call | {"status": status, "ok": body.get("ok"), "error": body.get("error")})
        if fault is not None and fault.after:
            if fault.hang:
                await asyncio.sleep(fault.hang)
            if fault.drop:
                return self._dropped(request, None)
            if fault.status or fault.error:
                return self._faulty(fault, None)
        return web.json_response(body, status=status, headers=headers)

    async def _call(self, request: web.Request, name: str, call: Json) -> tuple[int, Json, dict[str, str]]:
        workspace = self._workspace
        headers: dict[str, str] = {}
        warnings: list[str] = []
        try:
            method = self._methods.get(name)
            arguments, warnings = await read_arguments(request, method is None or method.takes_json)
            if method is None:
                raise SlackRefusal("unknown_method", req_method=name)
            token = self._token(request, arguments)
            call["arguments"] = {
                key: value for key, value in arguments.items() if key not in SECRET_ARGUMENTS
            }
            self._check_token(method, token)
            if method.token is Token.BOT:
                headers["x-oauth-scopes"] = ",".join(workspace.app.manifest.scopes)
                headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
                require_scope(workspace, *method.scopes)
            mode = workspace.conditions.rate_limits
            channel = str(arguments.get("channel") or "") or None
            wait = workspace.limits.take(name, method.tier, channel, mode)
            if wait is not None:
                return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)}
            body = {"ok": True, **await method.run(workspace, arguments)}
            if name == "chat.postMessage":
                self._posted(body)
        except SlackRefusal as refusal:
            body = {"ok": False, "error": refusal.error, **refusal.fields}
        if warnings:
            body["warning"] = ",".join(warnings)
            body.setdefault("response_metadata", {})["warnings"] = warnings
        return 200, body, headers

    def _token(self, request: web.Request, arguments: Json) -> str:
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        if given.lower().startswith("bearer "):
            return given[7:].strip()
        return str(arguments.get("token") or "")

    def _check_token(self, method: Method, token: str) -> None:
        if method.token is Token.NONE:
            return
        if not token:
            raise SlackRefusal("not_authed")
        app = self._workspace.app
        if token not in (app.bot_token, app.app_token):
            raise SlackRefusal("invalid_auth")
        wanted = app.app_token if method.token is Token.APP else app.bot_token
        if token != wanted:
            raise SlackRefusal("not_allowed_token_type")

    def _faulty(self, fault: Fault, call: Json | None) -> web.Response:
        limited = fault.retry_after is not None
        status = fault.status or (429 if limited else 200)
        error = fault.error or ("ratelimited" if status == 429 else "internal_error")
        headers = {"Retry-After": str(fault.retry_after)} if limited else {}
        if call is not None:
            self._log(call | {"status": status, "ok": False, "error": error, "fault": True})
        if status >= 500:
            # A broken Slack answers with a page, not with JSON.
            return web.Response(status=status, text="<html>Server Error</html>", content_type="text/html")
        return web.json_response({"ok": False, "error": error}, status=status, headers=headers)

    def _dropped(self, request: web.Request, call: Json | None) -> web.StreamResponse:
        if call is not None:
            self._log(call | {"status": 0, "ok": False, "error": "dropped", "fault": True})
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _log(self, call: Json) -> None:
        calls = self._workspace.calls
        calls.append(call)
        del calls[:-CALLS_KEPT]
