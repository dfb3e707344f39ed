"""Swaps, as visitors, operators and the real SDK see them."""

import asyncio
from pathlib import Path

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.mgmt.web.models import CsmSlotEntity

from sandbox.appservice import Options
from tests.sandbox.appservice_fixtures import (
    GROUP,
    NO_TLS,
    QUICK,
    TO_PRODUCTION,
    Azure,
    body_of,
    eventually,
    running,
)


async def swap(azure: Azure) -> None:
    poller = await azure.web.web_apps.begin_swap_slot(GROUP, "blog", "staging", TO_PRODUCTION)
    await poller.result()


async def test_a_swap_exchanges_what_visitors_see_and_swapping_again_takes_it_back(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    await swap(azure)
    assert (await azure.visitor.get(azure.site())).text == "new"
    await azure.answers("old", "staging")
    await swap(azure)
    assert (await azure.visitor.get(azure.site())).text == "old"


async def test_nobody_is_turned_away_while_slots_are_swapped(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    answers: list[tuple[int, str]] = []
    stop = asyncio.Event()

    async def visit() -> None:
        async with httpx.AsyncClient(timeout=20, verify=NO_TLS) as visitor:
            while not stop.is_set():
                answer = await visitor.get(f"{azure.site()}/slow?ms=20")
                answers.append((answer.status_code, answer.text))

    visitors = [asyncio.create_task(visit()) for _ in range(6)]
    await swap(azure)
    await swap(azure)
    stop.set()
    await asyncio.gather(*visitors)
    assert {status for status, _ in answers} == {200}
    assert {text for _, text in answers} == {"old", "new"}


async def test_a_request_in_flight_ends_on_the_process_it_began_on(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    slow = asyncio.create_task(azure.visitor.get(f"{azure.site()}/slow?ms=700"))

    async def it_arrived() -> bool:
        return azure.service.cloud.sites["blog"].production.occupant.worker.busy

    await eventually(it_arrived, "the request is in flight")
    await swap(azure)
    answer = await slow
    assert (answer.status_code, answer.text) == (200, "old")


async def test_sticky_settings_stay_and_the_others_go_with_the_content(azure: Azure) -> None:
    await azure.install("old", MAIL="real", STYLE="classic")
    await azure.install("new", "staging", MAIL="muted", STYLE="modern")
    await azure.sticky("MAIL")
    await swap(azure)
    production, staging = await azure.env(), await azure.env("staging")
    assert (production["MAIL"], production["STYLE"]) == ("real", "modern")
    assert (staging["MAIL"], staging["STYLE"]) == ("muted", "classic")
    assert staging["WEBSITE_SLOT_NAME"] == "staging"


async def test_a_stack_and_a_start_command_go_with_the_content(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    await azure.configure("staging", app_command_line="GREETING=hello node server.js")
    await swap(azure)
    assert (await azure.env())["GREETING"] == "hello"
    assert "GREETING" not in await azure.env("staging")


async def test_both_slots_tell_of_the_last_swap(azure: Azure) -> None:
    await swap(azure)
    for site in (
        await azure.web.web_apps.get(GROUP, "blog"),
        await azure.web.web_apps.get_slot(GROUP, "blog", "staging"),
    ):
        assert site.properties is not None
        status = site.properties.slot_swap_status
        assert status is not None
        assert (status.source_slot_name, status.destination_slot_name) == ("staging", "production")


async def test_a_new_client_goes_on_waiting_for_the_same_swap(azure: Azure) -> None:
    await azure.install("new", "staging")
    poller = await azure.web.web_apps.begin_swap_slot(GROUP, "blog", "staging", TO_PRODUCTION)
    token = poller.continuation_token()
    async with azure.sdk() as later:
        again = await later.web_apps.begin_swap_slot(
            GROUP, "blog", "staging", TO_PRODUCTION, continuation_token=token
        )
        await again.result()
    asked = await azure.control("GET", "/requests?method=POST&path=slotsswap")
    assert len(asked["requests"]) == 1
    assert (await azure.visitor.get(azure.site())).text == "new"


async def test_a_preview_shows_productions_settings_on_staging_until_it_is_completed(azure: Azure) -> None:
    await azure.install("old", MAIL="real")
    await azure.install("new", "staging", MAIL="muted")
    apps = azure.web.web_apps
    await azure.sticky("MAIL")
    await apps.apply_slot_configuration_slot(GROUP, "blog", "staging", TO_PRODUCTION)

    async def staging_has_productions_mail() -> bool:
        return (await azure.env("staging"))["MAIL"] == "real"

    await eventually(staging_has_productions_mail, "staging runs with production's settings")
    site = await apps.get(GROUP, "blog")
    assert site.properties is not None
    assert site.properties.target_swap_slot == "staging"
    with pytest.raises(ResourceExistsError) as refused:
        await apps.update_application_settings_slot(GROUP, "blog", "staging", {"properties": {}})
    assert "prepared for swap" in body_of(refused.value)["Message"]
    starts = (await azure.slot_state("staging"))["starts"]
    await swap(azure)
    assert (await azure.slot_state())["starts"] == starts, "completing does not restart the warmed process"
    assert (await azure.visitor.get(azure.site())).text == "new"
    assert (await azure.env("staging"))["MAIL"] == "muted"


async def test_a_cancelled_preview_leaves_no_trace(azure: Azure) -> None:
    await azure.install("new", "staging", MAIL="muted")
    apps = azure.web.web_apps
    await azure.sticky("MAIL")
    await apps.apply_slot_configuration_slot(GROUP, "blog", "staging", TO_PRODUCTION)
    await apps.reset_slot_configuration_slot(GROUP, "blog", "staging")
    settings = await apps.list_application_settings_slot(GROUP, "blog", "staging")
    assert settings.properties == {"MAIL": "muted"}
    site = await apps.get(GROUP, "blog")
    assert site.properties is not None
    assert site.properties.target_swap_slot is None


@pytest.mark.parametrize("slot", [None, "staging"])
async def test_a_preview_is_refused_while_site_authentication_is_on(azure: Azure, slot: str | None) -> None:
    await azure.install("new", "staging")
    apps = azure.web.web_apps
    address = azure.arm("/config/authsettingsV2", slot)
    await azure.operator.put(address, json={"properties": {"platform": {"enabled": True}}})
    if slot:
        shown = await apps.get_auth_settings_v2_without_secrets_slot(GROUP, "blog", slot)
    else:
        shown = await apps.get_auth_settings_v2_without_secrets(GROUP, "blog")
    assert shown.properties is not None
    assert shown.properties.platform is not None
    assert shown.properties.platform.enabled
    with pytest.raises(ResourceExistsError) as refused:
        await apps.apply_slot_configuration_slot(GROUP, "blog", "staging", TO_PRODUCTION)
    assert "when one of the slots has site authentication enabled" in body_of(refused.value)["Message"]
    await swap(azure)
    await azure.answers("new")


async def test_differences_name_what_a_swap_would_change(azure: Azure) -> None:
    await azure.install("old", SAME="1", CHANGED="a", GONE="x")
    await azure.install("new", "staging", SAME="1", CHANGED="b", ADDED="y")
    rows = [
        row.properties
        async for row in azure.web.web_apps.list_slot_differences_slot(
            GROUP, "blog", "staging", TO_PRODUCTION
        )
    ]
    rules = {row.setting_name: row.diff_rule for row in rows if row}
    assert rules == {
        "CHANGED": "SettingsWillBeModifiedInDestination",
        "GONE": "SettingsNotInSource",
        "ADDED": "SettingsWillBeAddedToDestination",
    }


async def test_a_second_operation_is_refused_while_one_is_in_progress(tmp_path: Path) -> None:
    async with running(tmp_path, Options(**{**vars(QUICK), "swap_seconds": 0.8})) as azure:
        poller = await azure.web.web_apps.begin_swap_slot(GROUP, "blog", "staging", TO_PRODUCTION)
        with pytest.raises(ResourceExistsError) as refused:
            await azure.web.web_apps.begin_swap_slot(GROUP, "blog", "staging", TO_PRODUCTION)
        assert refused.value.error is None
        body = body_of(refused.value)
        assert body["Code"] == "Conflict"
        assert "OperationName: SwapSiteSlots" in body["Details"][0]["Message"]
        await poller.result()


async def test_a_slot_that_dies_at_start_is_not_swapped_in(azure: Azure) -> None:
    await azure.install("old")
    (azure.home("staging") / "site" / "wwwroot" / "server.js").write_text("process.exit(1)")
    with pytest.raises(HttpResponseError) as failed:
        await swap(azure)
    assert failed.value.status_code == 400
    assert "could not be started" in body_of(failed.value)["Message"]
    assert (await azure.visitor.get(azure.site())).text == "old"


async def test_a_warm_up_status_that_does_not_come_stops_the_swap_and_gives_the_settings_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, Options(**{**vars(QUICK), "warmup_seconds": 0.6})) as azure:
        await azure.install("old", MAIL="real")
        await azure.install("new", "staging", MAIL="muted")
        apps = azure.web.web_apps
        await azure.sticky("MAIL")
        await apps.update_application_settings_slot(
            GROUP,
            "blog",
            "staging",
            {
                "properties": {
                    "MAIL": "muted",
                    "WEBSITE_SWAP_WARMUP_PING_PATH": "/status?code=503",
                    "WEBSITE_SWAP_WARMUP_PING_STATUSES": "200,301",
                }
            },
        )
        with pytest.raises(HttpResponseError) as failed:
            await swap(azure)
        assert failed.value.status_code == 417
        assert "did not respond to http ping" in body_of(failed.value)["Message"]
        assert (await azure.visitor.get(azure.site())).text == "old"
        assert (await azure.env("staging"))["MAIL"] == "muted"


async def test_without_warm_up_settings_a_sick_slot_is_swapped_in(azure: Azure) -> None:
    """The trap of facts: any HTTP answer counts as warm."""
    await azure.install("old")
    await azure.install("sick", "staging", WEBSITE_SWAP_WARMUP_PING_PATH="/status?code=500")
    await swap(azure)
    assert (await azure.visitor.get(azure.site())).text == "sick"


async def test_production_can_also_be_the_source(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    poller = await azure.web.web_apps.begin_swap_slot_with_production(
        GROUP, "blog", CsmSlotEntity(target_slot="staging", preserve_vnet=True)
    )
    await poller.result()
    assert (await azure.visitor.get(azure.site())).text == "new"


async def test_traffic_routing_sends_its_share_to_the_slot(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    rule = {
        "name": "staging",
        "actionHostName": azure.site("staging").removeprefix("http://"),
        "reroutePercentage": 50,
    }
    await azure.operator.patch(
        azure.arm("/config/web"), json={"properties": {"experiments": {"rampUpRules": [rule]}}}
    )
    seen = set()
    for _ in range(40):
        seen.add((await azure.visitor.get(azure.site())).text)
        azure.visitor.cookies.clear()  # they would pin a visitor to the first choice
    assert seen == {"old", "new"}
    pinned = {(await azure.visitor.get(f"{azure.site()}/?x-ms-routing-name=staging")).text for _ in range(5)}
    assert pinned == {"new"}
