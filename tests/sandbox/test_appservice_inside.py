"""Plain http beside https, and what comes from inside: what a swap's warm-up and a command beside the app see."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.sandbox.appservice_fixtures import QUICK, Azure, running

FIND_THE_APP = "http://$(cut -d: -f1 /appsvctmp/ipaddr_$WEBSITE_ROLE_INSTANCE_ID):8080"


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Azure]:
    """The local App Service over https."""
    async with running(tmp_path / "azure", replace(QUICK, https=True)) as found:
        trusting = ssl.create_default_context(cafile=str(found.addresses["ca"]))
        async with httpx.AsyncClient(timeout=20, verify=trusting) as visitor:
            found.visitor = visitor
            yield found


async def run(azure: Azure, operator: httpx.AsyncClient, command: str) -> tuple[str, int]:
    answer = await operator.post(f"{azure.scm()}/api/command", json={"command": command, "dir": "/home"})
    told = answer.json()
    return told["Output"], told["ExitCode"]


async def test_one_address_answers_https_and_plain_http_and_the_app_is_told_which(secure: Azure) -> None:
    await secure.install("1")
    for site, told in ((secure.site(), "https"), (secure.site().replace("https://", "http://"), "http")):
        answer = await secure.visitor.get(f"{site}/headers")
        assert answer.json()["x-forwarded-proto"] == told
    async with httpx.AsyncClient() as untrusting:
        with pytest.raises(httpx.ConnectError):
            await untrusting.get(secure.site())
    assert (await secure.visitor.get(secure.site())).text == "1", "others are served all the same"


async def test_https_only_is_the_platforms_own_redirect(secure: Azure) -> None:
    await secure.install("1")
    plain = secure.site().replace("https://", "http://")
    await secure.control("PUT", "/sites/blog", production={"https_only": True})
    await secure.answers("1")
    answer = await secure.visitor.get(f"{plain}/status?code=418")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{secure.site()}/status?code=418")
    assert (await secure.visitor.get(secure.site())).text == "1"
    scm = await secure.visitor.get(secure.scm().replace("https://", "http://") + "/api/vfs/")
    assert (scm.status_code, scm.headers["Location"]) == (301, f"{secure.scm()}/api/vfs/")


async def test_a_command_reaches_the_app_from_inside_and_not_as_its_own_localhost(azure: Azure) -> None:
    await azure.install("1")
    out, code = await run(
        azure, azure.operator, f"curl --silent --header Host:localhost {FIND_THE_APP}/headers"
    )
    assert code == 0, out
    assert '"host":"localhost"' in out
    assert "x-forwarded" not in out
    _, code = await run(azure, azure.operator, "curl --silent http://localhost:8080/")
    assert code == 7  # curl's word for a refused connection
    await azure.control("PUT", "/sites/blog", running=False)
    _, code = await run(azure, azure.operator, f"curl --silent {FIND_THE_APP}/")
    assert code == 7


async def test_the_port_of_the_container_is_the_one_in_its_settings(azure: Azure) -> None:
    await azure.install("1", WEBSITES_PORT="2368")
    found = FIND_THE_APP.replace("8080", "2368")
    assert await run(azure, azure.operator, f"curl --silent {found}/") == ("1", 0)
    _, code = await run(azure, azure.operator, f"curl --silent {FIND_THE_APP}/")
    assert code == 7


async def test_one_password_opens_every_slot_where_passwords_are_allowed(azure: Azure) -> None:
    user = (azure.addresses["deployment_user"], azure.addresses["deployment_password"])
    await azure.control("PUT", "/sites/blog", production={"basic_auth": True, "scm_bearer": False})
    async with httpx.AsyncClient(auth=user) as deployer:
        assert (await deployer.get(f"{azure.scm()}/api/deployments")).status_code == 200
        assert (await deployer.get(f"{azure.scm('staging')}/api/deployments")).status_code == 401
    assert (await azure.operator.get(f"{azure.scm()}/api/deployments")).status_code == 401
    assert (await azure.operator.get(f"{azure.scm('staging')}/api/deployments")).status_code == 200
