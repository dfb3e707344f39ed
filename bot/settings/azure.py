"""Where App Service is, and the storage for what is kept."""

import ipaddress
import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from bot.settings.part import Part


class AzureSettings(Part):
    """Where App Service is. Who the bot is comes from azure-identity's own variables."""

    subscription: str
    arm_url: str = "https://management.azure.com"
    polling_seconds: float = Field(3, gt=0)

    @field_validator("arm_url")
    @classmethod
    def _shows_no_token(cls, url: str) -> str:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if not host or not url.startswith(("https://", "http://")):
            raise ValueError("is not the address of an Azure Resource Manager (https://host)")
        # Over plain http, and to the SCM sites that follow it, the bot's tokens would go in clear.
        if url.startswith("http://") and not _is_this_machine(host):
            raise ValueError(
                "would send the bot's token in clear: http:// is for the local stand-in on this machine "
                "(localhost, 127.0.0.1, [::1]); write https://"
            )
        return url


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class StorageSettings(Part):
    """Where backups and packages are kept for good: a container of Azure Blob Storage; unset, the bot's own disk."""

    container: str | None = None
    account_url: str | None = None
    connection_string: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [way for way in (self.account_url, self.connection_string) if way is not None]
        if self.container is None and ways:
            raise ValueError("account_url and connection_string need a container beside them")
        if self.container is not None and len(ways) != 1:
            raise ValueError("container needs either account_url or connection_string beside it")
        return self

    @field_validator("container")
    @classmethod
    def _is_a_container(cls, name: str | None) -> str | None:
        if name is not None and not (re.fullmatch(r"[a-z0-9](-?[a-z0-9]){2,62}", name) and len(name) <= 63):
            raise ValueError("is not a container's name: 3 to 63 small letters, digits and single dashes")
        return name

    @field_validator("account_url")
    @classmethod
    def _is_an_account(cls, url: str | None) -> str | None:
        # A signature (?sv=...) would be a secret in a setting that is none, and plain http would show the token.
        if url is not None and not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w-]+)?/?", url):
            raise ValueError(
                "is not the address of a storage account (https://ouraccount.blob.core.windows.net)"
            )
        return url

    @field_validator("connection_string")
    @classmethod
    def _connects(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            parts = {part.partition("=")[0] for part in secret.get_secret_value().split(";")}
            if not parts & {"AccountName", "BlobEndpoint"} or not parts & {
                "AccountKey",
                "SharedAccessSignature",
            }:
                raise ValueError(
                    "is not a storage account's connection string (AccountName=...;AccountKey=...)"
                )
        return secret
