"""ARM, as the real SDK and a strict reader of facts see it: tokens, errors, settings, start and stop."""

import time

import pytest
from azure.core.exceptions import ClientAuthenticationError, ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential

from tests.sandbox.appservice_fixtures import GROUP, Azure, add_job, body_of, eventually


@pytest.fixture
def managed_identity(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that App Service gives an app with an identity."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", str(azure.addresses["identity_endpoint"]))
    monkeypatch.setenv("IDENTITY_HEADER", str(azure.addresses["identity_header"]))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "prod")


async def test_the_unmodified_default_credential_gets_a_token_that_arm_takes(
    azure: Azure, managed_identity: None
) -> None:
    async with DefaultAzureCredential() as credential:
        token = await credential.get_token("https://management.azure.com/.default")
    assert token.expires_on > time.time()
    answer = await azure.visitor.get(azure.arm(), headers={"Authorization": f"Bearer {token.token}"})
    assert answer.status_code == 200


async def test_the_identity_endpoint_wants_its_header_and_a_resource(azure: Azure) -> None:
    url, header = azure.addresses["identity_endpoint"], azure.addresses["identity_header"]
    query = {"api-version": "2019-08-01", "resource": "https://management.azure.com"}
    assert (await azure.visitor.get(url, params=query)).status_code == 401
    good = await azure.visitor.get(url, params=query, headers={"X-IDENTITY-HEADER": header})
    assert good.json()["expires_on"].isdecimal()
    without = await azure.visitor.get(
        url, params={"api-version": "2019-08-01"}, headers={"X-IDENTITY-HEADER": header}
    )
    assert without.status_code == 400


@pytest.mark.parametrize(
    ("audience", "seconds", "code"),
    [
        ("https://management.azure.com", -5, "ExpiredAuthenticationToken"),
        ("https://vault.azure.net", 60, "InvalidAuthenticationTokenAudience"),
    ],
)
async def test_a_token_that_is_not_for_now_or_not_for_arm_is_refused(
    azure: Azure, audience: str, seconds: int, code: str
) -> None:
    token = (await azure.control("POST", "/tokens", audience=audience, seconds=seconds))["access_token"]
    answer = await azure.visitor.get(azure.arm(), headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_without_a_good_token_nothing_is_told(azure: Azure) -> None:
    without = await azure.visitor.get(azure.arm())
    assert (without.status_code, without.json()["error"]["code"]) == (401, "AuthenticationFailed")
    forged = await azure.visitor.get(azure.arm(), headers={"Authorization": "Bearer x.y.z"})
    assert forged.json()["error"]["code"] == "InvalidAuthenticationToken"


async def test_the_sdk_sees_the_errors_as_azures(azure: Azure) -> None:
    apps = azure.web.web_apps
    with pytest.raises(ResourceNotFoundError) as missing:
        await apps.get(GROUP, "nope")
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"
    with pytest.raises(ResourceNotFoundError):
        await apps.get_slot(GROUP, "blog", "nope")
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        await apps.get("nope", "blog")
    azure.service.cloud.tokens.account.signing_key = "0" * 64
    with pytest.raises(ClientAuthenticationError):
        await apps.get(GROUP, "blog")


async def test_an_api_version_is_needed_and_has_to_exist(azure: Azure) -> None:
    url = azure.arm().partition("?")[0]
    assert (await azure.operator.get(url)).json()["error"]["code"] == "MissingApiVersionParameter"
    odd = await azure.operator.get(url, params={"api-version": "2031-01-01"})
    assert odd.json()["error"]["code"] == "InvalidResourceType"


async def test_paths_are_read_without_regard_to_case(azure: Azure) -> None:
    url = azure.arm("/config/SLOTCONFIGNAMES").replace("resourceGroups", "resourcegroups")
    assert (await azure.operator.get(url.replace("/blog/", "/Blog/"))).status_code == 200


async def test_a_site_shows_its_addresses_and_its_slots(azure: Azure) -> None:
    site = await azure.web.web_apps.get(GROUP, "blog")
    assert site.properties is not None
    assert site.kind == "app,linux"
    hosts = {one.host_type: one.name for one in site.properties.host_name_ssl_states or []}
    assert f"http://{hosts['Standard']}" == azure.site()
    assert f"http://{hosts['Repository']}" == azure.scm()
    assert [slot.name async for slot in azure.web.web_apps.list_slots(GROUP, "blog")] == ["blog/staging"]


async def test_a_stopped_site_answers_403_and_a_started_one_again_200(azure: Azure) -> None:
    await azure.install("1")
    await azure.web.web_apps.stop(GROUP, "blog")
    stopped = await azure.visitor.get(azure.site())
    assert (stopped.status_code, "is stopped" in stopped.text) == (403, True)
    site = await azure.web.web_apps.get(GROUP, "blog")
    assert site.properties is not None
    assert site.properties.state == "Stopped"
    assert (await azure.operator.get(f"{azure.scm()}/api/vfs/site/")).status_code == 200, "SCM stays"
    await azure.web.web_apps.start(GROUP, "blog")
    assert (await azure.visitor.get(azure.site())).text == "1", "the front end holds the request meanwhile"


async def test_writing_settings_replaces_all_of_them_and_restarts_the_site(azure: Azure) -> None:
    await azure.install("1", OLD="1")
    before = (await azure.slot_state())["starts"]
    await azure.web.web_apps.update_application_settings(GROUP, "blog", {"properties": {"NEW": "2"}})

    async def restarted() -> bool:
        return bool((await azure.slot_state())["starts"] > before)

    await eventually(restarted, "the site restarts")
    env = await azure.env()
    assert env["NEW"] == "2"
    assert "OLD" not in env
    assert (await azure.operator.get(f"{azure.scm()}/api/deployments")).status_code in (200, 503)


async def test_names_that_linux_cannot_take_are_refused(azure: Azure) -> None:
    answer = await azure.operator.put(azure.arm("/config/appsettings"), json={"properties": {"a-b": "1"}})
    assert answer.status_code == 400
    assert "'a-b' is not allowed" in answer.json()["Message"]


async def test_connection_strings_arrive_with_their_prefix(azure: Azure) -> None:
    await azure.install("1")
    await azure.web.web_apps.update_connection_strings(
        GROUP, "blog", {"properties": {"main": {"value": "Server=x", "type": "SQLAzure"}}}
    )

    async def arrived() -> bool:
        return (await azure.env()).get("SQLAZURECONNSTR_main") == "Server=x"

    await eventually(arrived, "the process has the connection string")
    strings = await azure.web.web_apps.list_connection_strings(GROUP, "blog")
    assert strings.properties is not None
    assert strings.properties["main"].value == "Server=x"


async def test_a_stack_that_is_not_here_does_not_start_and_the_log_says_so(azure: Azure) -> None:
    await azure.install("1")
    await azure.configure(linux_fx_version="NODE|7-lts")

    async def told() -> bool:
        log = azure.home() / "LogFiles" / "docker.log"
        return "No Node 7 on this machine" in log.read_text()

    await eventually(told, "the log says what is missing")
    assert (await azure.visitor.get(azure.site())).status_code == 503


async def test_traffic_routing_must_name_a_slot(azure: Azure) -> None:
    rule = {"name": "nope", "actionHostName": "nope.azurewebsites.net", "reroutePercentage": 10}
    answer = await azure.operator.patch(
        azure.arm("/config/web"), json={"properties": {"experiments": {"rampUpRules": [rule]}}}
    )
    assert answer.status_code == 400


async def test_a_web_job_is_run_through_arm(azure: Azure) -> None:
    add_job(azure.home("staging"), "Backup", "echo done")
    apps = azure.web.web_apps
    with pytest.raises(ResourceNotFoundError):
        await apps.run_triggered_web_job_slot(GROUP, "blog", "Nope", "staging")
    await apps.run_triggered_web_job_slot(GROUP, "blog", "Backup", "staging")

    async def ended() -> bool:
        job = await apps.get_triggered_web_job_slot(GROUP, "blog", "Backup", "staging")
        assert job.properties is not None
        return job.properties.latest_run is not None and job.properties.latest_run.status == "Success"

    await eventually(ended, "the job ends")
    history = [
        one async for one in apps.list_triggered_web_job_history_slot(GROUP, "blog", "Backup", "staging")
    ]
    assert [(one.properties.runs or [])[0].status for one in history if one.properties] == ["Success"]
    names = [one.name async for one in apps.list_triggered_web_jobs_slot(GROUP, "blog", "staging")]
    assert names == ["blog/staging/Backup"]


async def test_a_busy_job_is_a_conflict_in_app_services_words(azure: Azure) -> None:
    add_job(azure.home(), "Backup", "sleep 5")
    await azure.web.web_apps.run_triggered_web_job(GROUP, "blog", "Backup")
    with pytest.raises(ResourceExistsError) as refused:
        await azure.web.web_apps.run_triggered_web_job(GROUP, "blog", "Backup")
    assert body_of(refused.value)["Code"] == "Conflict"


async def test_publishing_credentials_and_their_policy(azure: Azure) -> None:
    apps = azure.web.web_apps
    policy = await apps.get_scm_allowed_slot(GROUP, "blog", "staging")
    assert policy.properties is not None
    assert policy.properties.allow is False
    poller = await apps.begin_list_publishing_credentials_slot(GROUP, "blog", "staging")
    user = await poller.result()
    assert user.properties is not None
    assert user.properties.publishing_user_name == "$blog__staging"


async def test_slots_are_made_over_the_control_endpoint_only(azure: Azure) -> None:
    answer = await azure.operator.put(azure.arm(slot="other"), json={"location": "West Europe"})
    assert answer.status_code == 501
    assert "/_sandbox/sites/blog" in answer.json()["error"]["message"]
    await azure.control("PUT", "/sites/blog", slots=["staging", "other"])
    assert (await azure.operator.get(azure.arm(slot="other"))).status_code == 200
    other = (await azure.slot_state("other"))["address"]
    assert (await azure.visitor.get(f"http://{other}/")).status_code == 200
