"""The Azure SDK's client, made safe: acting requests go out once, and its errors become ours."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncRetryPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.mgmt.web.aio import WebSiteManagementClient

from release.azure.errors import AzureRefused, AzureUnavailable, SiteMissing
from release.errors import ReleaseError
from release.holding import BeforeActing, no_fence
from release.masking import masked_start
from release.trouble import in_words

SCOPE = "https://management.azure.com/.default"

# POSTs that only read; every other POST acts, and acting twice can undo the first (a swap is its own reverse).
_READING_POST = re.compile(r"(/list|/slotsdiffs)(\?|$)")

# Azure may ask for hours; a release says so instead of hanging.
_LONGEST_WAIT = 60.0
_CONNECTION_SECONDS = 15


class RetryOnlyReads(AsyncRetryPolicy[Any, Any]):  # Any: the SDK's request and response
    """The SDK's retries without its habit of sending acting POSTs again.

    The default policy re-sends POST and PATCH on 500/503/504 and any method with Retry-After: a
    `slotsswap` answered 504 went out four times (measured, azure-mgmt-web 11.0.1).
    """

    def is_retry(
        self, settings: dict[str, Any], response: PipelineResponse[Any, Any]
    ) -> bool:  # Any: the SDK's
        if _retry_after(response) > _LONGEST_WAIT:
            return False
        request = response.http_request
        if request.method in ("POST", "PATCH") and _acts(request.method, request.url):
            return False
        return bool(super().is_retry(settings, response))


def _retry_after(response: PipelineResponse[Any, Any]) -> float:  # Any: the SDK's
    told = str(response.http_response.headers.get("Retry-After", ""))
    return float(told) if told.isdigit() else 0.0


def _acts(method: str, url: str) -> bool:
    return method not in ("GET", "HEAD", "OPTIONS") and not (method == "POST" and _READING_POST.search(url))


class FencedTransport(AioHttpTransport):  # type: ignore[misc]  # loaded lazily by the SDK, so without a type
    """Asks right before a request that acts goes out, after tokens and retries, whether it still may."""

    def __init__(self, before_acting: BeforeActing) -> None:
        super().__init__()
        self._before_acting = before_acting

    async def send(self, request: Any, **config: Any) -> Any:  # Any: the SDK's request, options and response
        if _acts(request.method, request.url):
            await self._before_acting()
        return await super().send(request, **config)


class PlainHttpBearer(SansIOHTTPPolicy[Any, Any]):
    """Sends the token over plain http, which the SDK refuses: for the local stand-in only."""

    def __init__(self, credential: AsyncTokenCredential) -> None:
        super().__init__()
        self._credential = credential

    async def on_request(self, request: PipelineRequest[Any]) -> None:
        token = await self._credential.get_token(SCOPE)
        request.http_request.headers["Authorization"] = f"Bearer {token.token}"


def arm_client(
    credential: AsyncTokenCredential,
    subscription: str,
    url: str,
    polling_interval: float,
    answer_seconds: float = 120,
    pause_seconds: float = 0.8,
    before_acting: BeforeActing = no_fence,
) -> WebSiteManagementClient:
    """A client for App Service in `subscription`. All times are in seconds.

    `answer_seconds`: how long one answer may take; `pause_seconds`: the first pause before a read is repeated,
    the next ones are longer. A plain http `url` is taken for the local stand-in. `before_acting` is awaited right
    before each request that changes anything, and stops it by raising.
    """
    policies: dict[str, Any] = {
        "retry_policy": RetryOnlyReads(
            retry_total=4, retry_backoff_factor=pause_seconds, retry_backoff_max=10
        )
    }
    if url.startswith("http://"):
        policies["authentication_policy"] = PlainHttpBearer(credential)
    return WebSiteManagementClient(
        credential,
        subscription,
        base_url=url,
        transport=FencedTransport(before_acting),
        polling_interval=polling_interval,
        connection_timeout=_CONNECTION_SECONDS,
        read_timeout=answer_seconds,
        **policies,
    )


def told(error: HttpResponseError) -> str:
    """What Azure says of an error, from either of its two kinds of body; never the raw body."""
    if error.status_code is None:  # the answer never came whole
        return in_words(error)
    try:
        response: Any = error.response  # Any: the SDK's response has json() only at run time
        body = response.json() if response is not None else {}
    except (ValueError, AzureError):
        body = {}
    if not isinstance(body, dict):
        body = {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else {}
    message = body.get("Message") or (inner or {}).get("message") or error.reason or "no reason given"
    return f"{masked_start(str(message), 500)} (HTTP {error.status_code})"


def translated(error: AzureError, what: str) -> ReleaseError:
    """One of our errors for one of the SDK's. `what` names the call for a person."""
    if isinstance(error, ResourceNotFoundError):
        return SiteMissing(what)
    if isinstance(error, ClientAuthenticationError):
        return AzureRefused(what, "the bot's credentials are missing, wrong or expired")
    if isinstance(error, HttpResponseError):
        if error.status_code in (401, 403):
            return AzureRefused(what, told(error))
        return AzureUnavailable(what, told(error))
    return AzureUnavailable(what, in_words(error))


@asynccontextmanager
async def speaking_of(what: str) -> AsyncIterator[None]:
    """Turns the SDK's errors inside the block into ours."""
    try:
        yield
    except AzureError as error:
        raise translated(error, what) from error
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        # What the SDK makes of an answer that is no JSON, or JSON of another shape.
        raise AzureUnavailable(what, "its answer cannot be read") from error
