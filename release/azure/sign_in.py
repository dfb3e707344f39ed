"""How the bot signs in at a slot's SCM site: with its identity, or with a publishing password where that is let in.

Entra's token comes first, always. A site that refuses it may still take the password of a pipeline of old
(scmUsername and scmPassword): Azure tells whether it does (basicPublishingCredentialsPolicies/scm, off for new apps),
and only then is the password sent anywhere.
"""

import base64
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from release.errors import ReleaseError

log = logging.getLogger(__name__)

Token = Callable[[], Awaitable[str]]
Allowed = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Password:
    """A publishing user of App Service. `basic` is what goes into the header: never shown."""

    user: str
    secret: str

    def __repr__(self) -> str:  # never the secret, wherever it is shown
        return "Password()"

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


class _Known(StrEnum):
    """What is known of the password, each for people as what follows a refusal."""

    NOTHING = ""
    IN_USE = ", with the publishing password"
    NOT_ALLOWED = "; a publishing password is configured, and this site does not allow basic authentication"
    WRONG = "; the publishing password that is configured was refused too"


class SignIn:
    """For one SCM site. `allowed` asks Azure whether it takes passwords."""

    def __init__(
        self, token: Token, password: Password | None = None, allowed: Allowed | None = None
    ) -> None:
        self._token = token
        self._password = password
        self._allowed = allowed
        self._known = _Known.NOTHING

    @property
    def with_password(self) -> bool:
        """The identity was refused and the password is in use."""
        return self._known is _Known.IN_USE

    @property
    def words(self) -> str:
        """What to say of the password after a refusal; empty where there is none."""
        return str(self._known)

    async def header(self) -> str:
        """What to send as Authorization."""
        if self.with_password and self._password is not None:
            return self._password.basic
        return f"Bearer {await self._token()}"

    async def another(self, sent: str | None) -> bool:
        """Whether there is something else to send where `sent` was refused: a newer token, or the password."""
        if sent != await self.header():
            return True  # a token that ran out on the way, or a request from before the password was in use
        if self._password is None or self._known in (_Known.NOT_ALLOWED, _Known.WRONG):
            return False
        if self.with_password:
            self._known = _Known.WRONG
            return True  # the identity may have been let in meanwhile
        self._known = _Known.IN_USE if await self._takes_passwords() else _Known.NOT_ALLOWED
        return self.with_password

    async def _takes_passwords(self) -> bool:
        if self._allowed is None:
            return False
        try:
            return await self._allowed()
        except ReleaseError as error:
            log.info("whether passwords are taken could not be asked", extra={"problem": str(error)})
            return False
