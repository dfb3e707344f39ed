"""Who is let in at an SCM site: the identity first, a publishing password where it must be and may; no secret seen."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.settings import ScmSettings, SettingsWrong, read_settings
from release.azure.errors import ScmRefused
from release.azure.sign_in import Password
from release.checking import Outcome, check_site
from release.site import PRODUCTION, Site
from tests.release.conftest import Cloud
from tests.release.test_kudu import silent, zipped


class Senders:
    """Which ways of signing in were sent to SCM sites; the values stay where they are."""

    def __init__(self, cloud: Cloud) -> None:
        self.schemes: list[str] = []
        cloud.http.event_hooks = {"request": [self._look]}

    async def _look(self, request: httpx.Request) -> None:
        if header := request.headers.get("Authorization"):
            self.schemes.append(header.partition(" ")[0])


def slots(cloud: Cloud, **changes: bool) -> None:
    for slot in cloud.service.cloud.sites["blog"].slots.values():
        for name, value in changes.items():
            setattr(slot.record, name, value)


def deployer(cloud: Cloud) -> Password:
    """The account's own user, the same on every slot."""
    return Password(cloud.told["deployment_user"], cloud.told["deployment_password"])


def publisher(cloud: Cloud, slot: str) -> Password:
    """The slot's own user."""
    told: dict[str, Any] = cloud.told["publishing"]["blog"][slot]
    return Password(told["user"], told["password"])


def with_password(cloud: Cloud) -> Site:
    return cloud.site_with(scm_password=deployer(cloud))


async def test_a_site_that_takes_both_never_sees_the_password(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=True)
    seen = Senders(laid_out)
    site = with_password(laid_out)
    await (await site.kudu("staging")).reachable()
    assert seen.schemes == ["Bearer"]
    assert await laid_out.asked("basicPublishingCredentialsPolicies", "GET") == 0


async def test_where_the_identity_is_refused_the_password_does_all_the_work(
    laid_out: Cloud, tmp_path: Path
) -> None:
    slots(laid_out, basic_auth=True, scm_bearer=False)
    seen = Senders(laid_out)
    kudu = await with_password(laid_out).kudu("staging")
    await kudu.deploy_zip(zipped(tmp_path / "package.zip", "code"), 10, silent)
    assert seen.schemes.count("Bearer") == 1
    assert kudu.with_password
    assert await laid_out.asked("basicPublishingCredentialsPolicies", "GET") == 1


async def test_an_acting_call_that_is_refused_first_acts_once(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=True, scm_bearer=False)
    kudu = await with_password(laid_out).kudu(PRODUCTION)
    count = laid_out.home() / "count"
    assert await kudu.output_of(f"echo once >> {count}; cat {count}", 20) == "once\n"


async def test_a_password_that_is_not_allowed_is_never_sent(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=False, scm_bearer=False)
    seen = Senders(laid_out)
    kudu = await with_password(laid_out).kudu("staging")
    for _ in range(2):
        with pytest.raises(ScmRefused, match="does not allow basic authentication"):
            await kudu.reachable()
    assert set(seen.schemes) == {"Bearer"}
    assert await laid_out.asked("basicPublishingCredentialsPolicies", "GET") == 1


async def test_without_a_password_nothing_of_it_is_asked_or_said(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=True, scm_bearer=False)
    with pytest.raises(ScmRefused) as caught:
        await (await laid_out.site.kudu("staging")).reachable()
    assert "password" not in str(caught.value)
    assert await laid_out.asked("basicPublishingCredentialsPolicies", "GET") == 0


async def test_a_wrong_password_is_told_and_the_identity_stays_the_way_in(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=True, scm_bearer=False)
    kudu = await laid_out.site_with(scm_password=Password("deployer", "rosebud-wrong")).kudu("staging")
    with pytest.raises(ScmRefused, match="was refused too") as caught:
        await kudu.reachable()
    assert "rosebud" not in f"{caught.value}{caught.value.advice}{caught.value.args}"
    slots(laid_out, scm_bearer=True)
    await kudu.reachable()
    assert not kudu.with_password


async def test_a_policy_that_cannot_be_asked_counts_as_no(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=True, scm_bearer=False)
    await laid_out.answers(host="arm", path="basicPublishingCredentialsPolicies", status=403, count=99)
    seen = Senders(laid_out)
    with pytest.raises(ScmRefused):
        await (await with_password(laid_out).kudu("staging")).reachable()
    assert set(seen.schemes) == {"Bearer"}


async def test_each_slot_may_have_a_publishing_user_of_its_own(laid_out: Cloud) -> None:
    slots(laid_out, basic_auth=True, scm_bearer=False)
    site = laid_out.site_with(
        scm_password=publisher(laid_out, PRODUCTION), staging_scm_password=publisher(laid_out, "staging")
    )
    for slot in (PRODUCTION, "staging"):
        await (await site.kudu(slot)).reachable()
    alone = laid_out.site_with(scm_password=publisher(laid_out, PRODUCTION))
    with pytest.raises(ScmRefused):
        await (await alone.kudu("staging")).reachable()


async def test_a_check_says_which_way_is_taken_and_that_the_identity_is_better(laid_out: Cloud) -> None:
    async def told(site: Site) -> str:
        found = await check_site(site)
        return "\n".join(one.what for one in found.findings if one.outcome is Outcome.WARNING)

    assert "password" not in await told(laid_out.site)
    slots(laid_out, basic_auth=True)
    assert "is not needed: the SCM site takes the bot's identity, which is better" in await told(
        with_password(laid_out)
    )
    slots(laid_out, scm_bearer=False)
    said = await told(with_password(laid_out))
    assert said.count("refuses the bot's identity, so a publishing password is used") == 2
    assert "The identity is better" in said


async def test_no_password_is_ever_shown_or_logged(laid_out: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slots(laid_out, basic_auth=True, scm_bearer=False)
    password = deployer(laid_out)
    site = laid_out.site_with(scm_password=password)
    await check_site(site)
    shown = f"{password!r}{site.config!r}{caplog.text}"
    for secret in (password.secret, password.basic, password.basic.removeprefix("Basic ")):
        assert secret not in shown


def test_half_a_pair_stops_the_start_with_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "ghostbot.toml"
    config.write_text(
        '[slack]\nbot_token = "xoxb-1"\napp_token = "xapp-1"\n[azure]\nsubscription = "s"\n'
        '[sites.blog]\nresource_group = "g"\n[sites.blog.scm]\nusername = "deployer"\n'
    )
    monkeypatch.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    with pytest.raises(SettingsWrong, match=r"sites\.blog\.scm: username and password belong together"):
        read_settings(config)
    monkeypatch.setenv("GHOSTBOT_SITES__BLOG__SCM__PASSWORD", "rosebud")
    settings = read_settings(config)
    assert settings.sites["blog"].config("blog").password("staging") == Password("deployer", "rosebud")
    assert "rosebud" not in repr(settings)
    assert ScmSettings().password is None
