"""References to Key Vault in settings: left as they are by all that is written, and named where they get no secret."""

from release.references import unresolved_references
from release.site import PRODUCTION
from release.staging import MUTE, mute
from tests.release.conftest import Cloud
from tests.release.test_content import swap

# As people write them: both forms, versions, spaces, a semicolon at the end.
REFERENCES = {
    "stripe__secret": "@Microsoft.KeyVault(SecretUri=https://ours.vault.azure.net/secrets/stripe/)",
    "adapter__key": "@Microsoft.KeyVault(VaultName=ours;SecretName=key;SecretVersion=0123abcd)",
    "slot__key": " @Microsoft.KeyVault( VaultName=ours; SecretName=key; )",
    "database__connection__password": "@microsoft.keyvault(SecretUri=https://ours.vault.azure.net/secrets/p%C3%A4ss)",
}


def gets_references(cloud: Cloud, slot: str) -> None:
    cloud.settings(slot).update(REFERENCES)


def of(cloud: Cloud, slot: str) -> dict[str, str]:
    return {name: value for name, value in cloud.settings(slot).items() if name in REFERENCES}


async def test_muting_and_swapping_leave_every_reference_as_it_is(staged: Cloud) -> None:
    await staged.control("PUT", "/vaults/ours", secrets={"key": "s3cret"}, readers=["blog", "blog/staging"])
    staged.service.cloud.sites["blog"].record.sticky_settings.append("slot__key")
    for slot in (PRODUCTION, "staging"):
        gets_references(staged, slot)
    assert await mute(staged.site)
    assert of(staged, "staging") == of(staged, PRODUCTION) == REFERENCES
    await staged.site.app.preview()
    assert of(staged, "staging") == REFERENCES
    await swap(staged)
    await staged.is_well()
    assert of(staged, "staging") == of(staged, PRODUCTION) == REFERENCES
    assert staged.settings("staging")["mail__transport"] == MUTE["mail__transport"]


async def test_a_reference_in_a_mail_setting_of_staging_is_replaced_and_production_keeps_its_own(
    laid_out: Cloud,
) -> None:
    host = REFERENCES["stripe__secret"]
    for slot in (PRODUCTION, "staging"):
        laid_out.settings(slot)["mail__options__host"] = host
    await mute(laid_out.site)
    assert laid_out.settings("staging")["mail__options__host"] == "127.0.0.1"
    assert laid_out.settings(PRODUCTION)["mail__options__host"] == host


async def test_a_reference_that_gets_no_secret_is_named_with_its_slot(laid_out: Cloud) -> None:
    assert await unresolved_references(laid_out.site) == ()
    assert await laid_out.asked("configreferences", "GET") == 0
    await laid_out.control("PUT", "/vaults/ours", secrets={"key": "s3cret"}, readers=["blog"])
    for slot in (PRODUCTION, "staging"):
        laid_out.settings(slot)["adapter__key"] = REFERENCES["adapter__key"]
    (told,) = await unresolved_references(laid_out.site)
    assert told.startswith("staging: the setting adapter__key refers to a Key Vault and gets no secret")
    assert "AccessToKeyVaultDenied" in told
    assert "s3cret" not in told


async def test_references_that_cannot_be_asked_for_are_told_and_stop_nothing(laid_out: Cloud) -> None:
    gets_references(laid_out, "staging")
    await laid_out.answers(host="arm", path="configreferences", status=403, count=9)
    (told,) = await unresolved_references(laid_out.site)
    assert "cannot be told" in told
