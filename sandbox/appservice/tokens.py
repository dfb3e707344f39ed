"""Bearer tokens of the local Azure: issued and checked, with audience and expiry."""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jwt

from sandbox.appservice.records import AccountRecord

# https://learn.microsoft.com/azure/azure-resource-manager/management/control-plane-and-data-plane
ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


class BadToken(Exception):
    """Why a token is refused: ARM's error code and text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Tokens:
    """Issues and checks tokens for one subscription."""

    account: AccountRecord
    lifetime: int  # seconds
    arm_url: str

    def issue(self, audience: str, lifetime: int | None = None) -> tuple[str, int]:
        """A token and its expiry in epoch seconds."""
        now = int(time.time())
        expires = now + (self.lifetime if lifetime is None else lifetime)
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.account.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": expires,
            "appid": self.account.client_id,
            "oid": self.account.client_id,
            "sub": self.account.client_id,
            "tid": self.account.tenant,
            "idtyp": "app",
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        return jwt.encode(claims, self.account.signing_key, algorithm="HS256"), expires

    def check(self, header: str | None) -> None:
        """Raise BadToken, in the words of ARM's front end, unless the header carries a good token."""
        if not header:
            raise BadToken(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            message = "Authentication failed. The 'Authorization' header is provided in an invalid format."
            raise BadToken("AuthenticationFailed", message)
        try:
            claims = _claims(token, self.account.signing_key)
        except jwt.PyJWTError as error:
            raise BadToken("InvalidAuthenticationToken", "The access token is invalid.") from error
        if claims["exp"] <= time.time():
            message = (
                f"The access token expiry UTC time '{_utc(claims['exp'])}' is earlier than "
                f"current UTC time '{_utc(time.time())}'."
            )
            raise BadToken("ExpiredAuthenticationToken", message)
        allowed = (*ARM_AUDIENCES, self.arm_url.rstrip("/"))
        if str(claims["aud"]).rstrip("/") not in allowed:
            message = (
                f"The access token has been obtained for wrong audience or resource '{claims['aud']}'. It should "
                f"exactly match with one of the allowed audiences '{','.join(f'{one}/' for one in allowed)}'."
            )
            raise BadToken("InvalidAuthenticationTokenAudience", message)


@lru_cache(maxsize=256)
def _claims(token: str, key: str) -> dict[str, Any]:  # Any: claims are of several types
    """What a token says that was signed with this key; the same one comes with hundreds of requests."""
    return jwt.decode(token, key, algorithms=["HS256"], options={"verify_aud": False, "verify_exp": False})


def _utc(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%m/%d/%Y %I:%M:%S %p")
