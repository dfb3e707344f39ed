"""References to Key Vault and the plan's storage, as the real SDK and a slot's process see them."""

import json
from typing import Any

import pytest

from sandbox.appservice.records import VaultRecord
from sandbox.appservice.vaults import Status, look_up
from tests.sandbox.appservice_fixtures import GROUP, Azure, eventually

BY_NAME = "@Microsoft.KeyVault(VaultName=ours;SecretName=mail)"
BY_ADDRESS = "@Microsoft.KeyVault(SecretUri=https://ours.vault.azure.net/secrets/mail/0123abcd)"
VAULTS = {"ours": VaultRecord({"mail": "s3cret"}, ["blog"])}


@pytest.mark.parametrize(
    ("text", "slot", "status", "value"),
    [
        (BY_NAME, "blog", Status.RESOLVED, "s3cret"),
        (BY_ADDRESS, "blog", Status.RESOLVED, "s3cret"),
        (BY_NAME, "blog/staging", Status.ACCESS_DENIED, BY_NAME),
        (BY_NAME.replace("mail", "post"), "blog", Status.SECRET_NOT_FOUND, BY_NAME.replace("mail", "post")),
        (BY_NAME.replace("ours", "none"), "blog", Status.VAULT_NOT_FOUND, BY_NAME.replace("ours", "none")),
        ("@Microsoft.KeyVault(mail)", "blog", Status.INVALID_SYNTAX, "@Microsoft.KeyVault(mail)"),
    ],
)
def test_a_reference_resolves_for_those_who_may_read_the_vault(
    text: str, slot: str, status: Status, value: str
) -> None:
    found = look_up(VAULTS, slot, text)
    assert found is not None
    assert (found.status, found.value) == (status, value)


def test_what_only_looks_like_a_reference_is_none() -> None:
    assert look_up(VAULTS, "blog", "mail @Microsoft.KeyVault(x)") is None


async def test_the_process_gets_the_secret_and_arm_shows_the_reference(azure: Azure) -> None:
    vault = {"secrets": {"mail": "s3cret"}, "readers": ["blog"]}
    answer = await azure.visitor.put(f"{azure.addresses['control']}/vaults/ours", json=vault)
    assert answer.status_code == 204
    settings = {"PASSWORD": BY_NAME, "OTHER": BY_NAME.replace("mail", "post"), "plain": "text"}
    await azure.install("1", **settings)

    async def sees_the_secret() -> bool:
        environment = await _environment(azure)
        return (environment.get("PASSWORD"), environment.get("OTHER")) == ("s3cret", settings["OTHER"])

    await eventually(sees_the_secret, "the process has the secret")
    shown = await azure.web.web_apps.list_application_settings(GROUP, "blog")
    assert dict(shown.properties or {}) == settings
    rows = azure.web.web_apps.get_app_settings_key_vault_references(GROUP, "blog")
    assert {row.name: row.status async for row in rows} == {
        "PASSWORD": "Resolved",
        "OTHER": "SecretNotFound",
    }


async def test_the_usages_tell_what_all_sites_of_the_plan_store(azure: Azure) -> None:
    await azure.visitor.put(f"{azure.addresses['control']}/plan", json={"bytes": 1 << 30})
    (azure.home() / "site" / "wwwroot" / "large").write_bytes(b"x" * 3_000_000)
    usages = azure.web.web_apps.list_usages_slot(GROUP, "blog", "staging")
    found = {row.name.value: row async for row in usages if row.name}
    storage = found["FileSystemStorage"]
    assert storage.limit == 1 << 30
    assert 3_000_000 <= (storage.current_value or 0) < 30_000_000


async def _environment(azure: Azure) -> dict[str, Any]:
    answer = await azure.visitor.get(azure.site() + "/env")
    told: dict[str, Any] = json.loads(answer.text) if answer.status_code == 200 else {}
    return told
