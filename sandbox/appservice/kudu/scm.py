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
        allowed = scm.slot.record.basic_auth and _knows_password(scm, value)
    elif not scm.slot.record.scm_bearer:
        allowed = False
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


def _knows_password(scm: Scm, value: str) -> bool:
    """The slot's own publishing user, or the deployment user of the account, who is the same on every site."""
    slot, account = scm.slot, scm.cloud.store.account
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    known = {
        publishing_user(slot): slot.record.publishing_password,
        account.deployment_user: account.deployment_password,
    }
    expected = known.get(user.removeprefix(f"{slot.site}\\"))
    return expected is not None and hmac.compare_digest(password.encode(), expected.encode())
