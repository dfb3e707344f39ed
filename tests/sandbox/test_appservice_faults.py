"""What the control endpoint can have go wrong, and what it tells."""

import time

import httpx
import pytest
from azure.core.exceptions import HttpResponseError

from tests.sandbox.appservice_fixtures import GROUP, TO_PRODUCTION, Azure, eventually


async def test_the_next_calls_answer_a_status_and_then_all_is_well(azure: Azure) -> None:
    await azure.control(
        "POST", "/faults", method="GET", path="/sites/blog", count=2, status=503, retry_after=7
    )
    for _ in range(2):
        answer = await azure.operator.get(azure.arm())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert (await azure.operator.get(azure.arm())).status_code == 200
    assert (await azure.control("GET", "/faults")) == {"faults": []}


async def test_a_fault_can_let_some_by_and_can_last_for_a_time(azure: Azure) -> None:
    await azure.control("POST", "/faults", host="arm", status=503, skip=2, seconds=0.3)
    statuses = [(await azure.operator.get(azure.arm())).status_code for _ in range(5)]
    assert statuses == [200, 200, 503, 503, 503]

    async def over() -> bool:
        return (await azure.operator.get(azure.arm())).status_code == 200

    await eventually(over, "it is over")
    assert (await azure.control("GET", "/faults")) == {"faults": []}


async def test_a_swap_that_answers_504_may_have_happened(azure: Azure) -> None:
    await azure.install("old")
    await azure.install("new", "staging")
    await azure.control("POST", "/faults", method="POST", path="slotsswap", status=504, after=True)
    with pytest.raises(HttpResponseError) as failed:
        await azure.web.web_apps.begin_swap_slot(GROUP, "blog", "staging", TO_PRODUCTION)
    assert failed.value.status_code == 504
    await azure.answers("new")


async def test_a_dropped_connection(azure: Azure) -> None:
    await azure.control("POST", "/faults", host="scm", drop=True)
    with pytest.raises(httpx.TransportError):
        await azure.operator.get(f"{azure.scm()}/api/deployments")
    assert (await azure.operator.get(f"{azure.scm()}/api/deployments")).status_code == 200


async def test_a_body_that_ends_early(azure: Azure) -> None:
    (azure.home() / "site" / "big").write_bytes(b"x" * 1_000_000)
    for path in ("/api/vfs/site/big", "/api/vfs/site/"):
        await azure.control("POST", "/faults", host="scm", slot="blog", truncate=10)
        with pytest.raises(httpx.RemoteProtocolError):
            await azure.operator.get(f"{azure.scm()}{path}")


async def test_a_call_that_hangs(azure: Azure) -> None:
    await azure.control("POST", "/faults", host="arm", hang=0.3)
    began = time.monotonic()
    assert (await azure.operator.get(azure.arm())).status_code == 200
    assert time.monotonic() - began >= 0.3


async def test_visitors_of_one_slot_can_be_disturbed(azure: Azure) -> None:
    await azure.install("1")
    await azure.install("2", "staging")
    await azure.control(
        "POST", "/faults", host="site", slot="blog/staging", path="^/$", status=500, body="sick"
    )
    assert (await azure.visitor.get(azure.site())).status_code == 200
    sick = await azure.visitor.get(azure.site("staging"))
    assert (sick.status_code, sick.text) == (500, "sick")


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"status": 500, "colour": "red"},
        {"status": 500, "path": "("},
        {"status": 500, "host": "moon"},
        {"status": 500, "count": 0},
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(azure: Azure, nonsense: dict[str, object]) -> None:
    answer = await azure.visitor.post(f"{azure.addresses['control']}/faults", json=nonsense)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_every_request_is_on_record(azure: Azure) -> None:
    await azure.visitor.get(f"{azure.site('staging')}/page?x=1")
    (row,) = (await azure.control("GET", "/requests?host=site&path=/page"))["requests"]
    assert (row["slot"], row["method"], row["path"], row["status"]) == (
        "blog/staging",
        "GET",
        "/page?x=1",
        200,
    )


async def test_scm_goes_away_and_comes_back(azure: Azure) -> None:
    await azure.control("POST", "/sites/blog/staging/recycle-scm", seconds=0.2)
    assert (await azure.operator.get(f"{azure.scm('staging')}/api/deployments")).status_code == 503
    await azure.scm_is_back("staging")


async def test_a_killed_process_is_started_again(azure: Azure) -> None:
    await azure.install("1")
    await azure.control("POST", "/sites/blog/production/kill-process")

    async def again() -> bool:
        return bool((await azure.slot_state())["starts"] == 2)

    await eventually(again, "a new process")
    await azure.answers("1")
