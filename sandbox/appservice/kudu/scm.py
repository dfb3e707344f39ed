"""The door of a slot's SCM: who may come in, and which routine answers."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from aiohttp import web

from sandbox.appservice.cloud import Cloud
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot
from sandbox.appservice.tokens import BadToken


@dataclass(frozen=True)
class Scm:
    """The SCM of one slot, as the routines of this package see it."""

    cloud: Cloud
    site: Site
    slot: Slot

    @property
    def url(self) -> str:
        """Where this SCM is."""
        return f"{self.cloud.scheme}://{self.site.scm_address(self.slot)}"


def publishing_user(slot: Slot) -> str:
    """The site-level publishing user, as in Azure: $blog, $blog__staging."""
    return f"${slot.site}" if slot.is_production else f"${slot.site}__{slot.name}"


def authenticate(scm: Scm, request: web.Request) -> web.Response | None:
    """None for a caller with a good bearer token or allowed publishing credentials; otherwise the 401."""
    header = request.headers.get("Authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        allowed = scm.slot.record.basic_auth and _knows_password(scm.slot, value)
    else:
        try:
            scm.cloud.tokens.check(header)
            allowed = True
        except BadToken:
            allowed = False
    if allowed:
        return None
    return web.Response(
        status=401,
        text="401 - Unauthorized: Access is denied due to invalid credentials.",
        headers={"WWW-Authenticate": 'Basic realm="site"'},
    )


def _knows_password(slot: Slot, value: str) -> bool:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    users = (publishing_user(slot), f"{slot.site}\\{publishing_user(slot)}")
    return user in users and hmac.compare_digest(password, slot.record.publishing_password)
