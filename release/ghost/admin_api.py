"""Where a Ghost has its Admin API, and how it wants to be asked: since 5.0 at one place, before that by version."""

import re
import time
from dataclasses import dataclass

import jwt

FIRST_WITHOUT_VERSIONS = 5


@dataclass(frozen=True)
class AdminApi:
    """`path` is below the blog's address, without a slash at the end; `audience` is what a token has to name."""

    path: str = "/ghost/api/admin"
    audience: str = "/admin/"

    def token(self, key: str) -> str:
        """A token of five minutes from a key "id:secret" (secret in hex)."""
        key_id, _, secret = key.partition(":")
        if not key_id or not re.fullmatch(r"[0-9a-fA-F]+", secret) or len(secret) % 2:
            raise ValueError("an Admin API key looks like id:secret")
        now = int(time.time())
        claims = {"iat": now, "exp": now + 300, "aud": self.audience}
        return jwt.encode(claims, bytes.fromhex(secret), algorithm="HS256", headers={"kid": key_id})


def admin_api(version: str) -> AdminApi:
    """That of this Ghost, "4.1.2" or "6.65"."""
    major = int(version.partition(".")[0])
    if major >= FIRST_WITHOUT_VERSIONS:
        return AdminApi()
    return AdminApi(f"/ghost/api/v{major}/admin", f"/v{major}/admin/")


def admin_token(key: str) -> str:
    """For the Admin API of a Ghost from 5.0 on."""
    return AdminApi().token(key)
