"""References to Key Vault in settings: ARM shows them as they are, the slot's process gets the secret.

Source: https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from sandbox.appservice.records import VaultRecord

_REFERENCE = re.compile(r"@Microsoft\.KeyVault\((.*)\)", re.IGNORECASE | re.DOTALL)


class Status(StrEnum):
    """What has become of a reference, in App Service's words."""

    RESOLVED = "Resolved"
    INVALID_SYNTAX = "InvalidSyntax"
    VAULT_NOT_FOUND = "VaultNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a status, no secret
    ACCESS_DENIED = "AccessToKeyVaultDenied"


@dataclass(frozen=True)
class Reference:
    """One reference, as a slot sees it. `value` is the secret, or the reference itself where it does not resolve."""

    vault: str
    secret: str
    status: Status
    value: str


def look_up(vaults: Mapping[str, VaultRecord], slot: str, text: str) -> Reference | None:
    """What a setting's value means to a slot ("blog", "blog/staging"); None where it is no reference."""
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        return None
    named = _named(found[1])
    if named is None:
        return Reference("", "", Status.INVALID_SYNTAX, text)
    vault = vaults.get(named[0])
    if vault is None:
        return Reference(*named, Status.VAULT_NOT_FOUND, text)
    # Each slot has an identity of its own, and keeps it in a swap.
    if slot not in vault.readers:
        return Reference(*named, Status.ACCESS_DENIED, text)
    if named[1] not in vault.secrets:
        return Reference(*named, Status.SECRET_NOT_FOUND, text)
    return Reference(*named, Status.RESOLVED, vault.secrets[named[1]])


def seen_by(vaults: Mapping[str, VaultRecord], slot: str, text: str) -> str:
    """The value that the slot's process gets."""
    reference = look_up(vaults, slot, text)
    return text if reference is None else reference.value


def _named(inside: str) -> tuple[str, str] | None:
    """Vault and secret of `SecretUri=https://VAULT.vault.azure.net/secrets/NAME` or `VaultName=...;SecretName=...`."""
    parts = {
        name.strip().lower(): value.strip()
        for name, _, value in (part.partition("=") for part in inside.split(";"))
    }
    if uri := parts.get("secreturi"):
        address = urlsplit(uri)
        folders = address.path.split("/")
        if address.scheme != "https" or len(folders) < 3 or folders[1] != "secrets":
            return None
        return (address.hostname or "").split(".")[0], folders[2]
    names = parts.get("vaultname"), parts.get("secretname")
    return (names[0], names[1]) if names[0] and names[1] else None
