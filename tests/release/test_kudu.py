"""A slot's SCM site when it recycles, stalls, fills up or lies: deployments, WebJobs, transfers."""

import asyncio
import stat
import zipfile
from pathlib import Path

import pytest

from release.azure.errors import (
    AzureRefused,
    BotDiskTrouble,
    DeploymentBusy,
    DeploymentFailed,
    DeploymentStuck,
    FileMissing,
    ScmRefused,
    ScmUnreachable,
    SlotFull,
    TransferBroken,
    WebJobBusy,
    WebJobFailed,
    WebJobMissing,
    WebJobStuck,
)
from release.azure.kudu import Kudu
from release.azure.sign_in import SignIn
from tests.release.conftest import Cloud, a_cloud
from tests.sandbox.appservice_fixtures import add_job, eventually

NO_SPACE = '{"Message": "There is not enough space on the disk."}'


@pytest.fixture
async def kudu(cloud: Cloud) -> Kudu:
    return await cloud.site.kudu("staging")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return zipped(tmp_path / "package.zip", "first")


def zipped(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.js", text)
        archive.writestr("package.json", '{"version": "1.2.3"}')
    return path


async def silent(_text: str) -> None: ...


async def deploy(kudu: Kudu, package: Path, limit: float = 10) -> str:
    return await kudu.deploy_zip(package, limit, silent)


# -- deployments --------------------------------------------------------------------------------


async def test_a_deployment_is_waited_for_and_known_by_its_id(
    cloud: Cloud, kudu: Kudu, package: Path
) -> None:
    told: list[str] = []

    async def tell(text: str) -> None:
        told.append(text)

    first = await kudu.deploy_zip(package, 10, tell)
    latest = await kudu.latest_deployment()
    assert latest is not None
    assert latest["id"] == first
    second = await deploy(kudu, zipped(package, "second"))
    assert second != first
    assert (cloud.wwwroot("staging") / "index.js").read_text() == "second"
    assert all("temp" not in text for text in told)


async def test_latest_that_still_shows_the_one_before_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    async with a_cloud(tmp_path / "slow", monkeypatch, {"deployment_lag_seconds": 0.6}) as cloud:
        kudu = await cloud.site.kudu("staging")
        first = await deploy(kudu, package)
        assert await deploy(kudu, zipped(package, "second")) != first
        assert (cloud.wwwroot("staging") / "index.js").read_text() == "second"


async def test_somebody_elses_deployment_is_waited_for_even_if_it_fails(
    cloud: Cloud, kudu: Kudu, package: Path
) -> None:
    await cloud.does("staging", "stick-deployment", files=0)
    theirs = asyncio.create_task(deploy(kudu, package))
    await eventually(lambda: deploying(cloud), "theirs is under way")
    theirs.cancel()
    ours = asyncio.create_task(deploy(kudu, zipped(package.with_name("ours.zip"), "ours")))
    await eventually(lambda: refused(cloud), "ours has to wait")
    await cloud.does("staging", "kill-deployment")
    await cloud.does("staging", "unstick-deployment")
    await ours
    assert (cloud.wwwroot("staging") / "index.js").read_text() == "ours"


async def test_somebody_elses_deployment_that_never_ends_is_named(
    cloud: Cloud, kudu: Kudu, package: Path
) -> None:
    await cloud.does("staging", "stick-deployment", files=0)
    theirs = asyncio.create_task(deploy(kudu, package))
    await eventually(lambda: deploying(cloud), "theirs is under way")
    with pytest.raises(DeploymentBusy):
        await deploy(kudu, package, limit=0.5)
    theirs.cancel()


async def test_a_409_at_the_last_moment_means_waiting_too(cloud: Cloud, kudu: Kudu, package: Path) -> None:
    await cloud.answers(host="scm", method="POST", path="zipdeploy", status=409, body="in progress")
    await deploy(kudu, package)
    assert (cloud.wwwroot("staging") / "index.js").exists()


async def test_a_broken_package_fails_with_kudus_words(cloud: Cloud, kudu: Kudu, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip")
    with pytest.raises(DeploymentFailed, match="Deployment failed"):
        await deploy(kudu, broken)


async def test_a_stuck_deployment_ends_at_its_limit(cloud: Cloud, kudu: Kudu, package: Path) -> None:
    await cloud.does("staging", "stick-deployment", files=0)
    with pytest.raises(DeploymentStuck):
        await deploy(kudu, package, limit=1)


async def test_one_that_a_restart_of_the_scm_site_ended_is_made_again(
    cloud: Cloud, kudu: Kudu, package: Path
) -> None:
    await cloud.does("staging", "stick-deployment", files=1)
    deployment = asyncio.create_task(deploy(kudu, package))
    await eventually(lambda: deploying(cloud), "it is under way")
    await cloud.does("staging", "recycle-scm", seconds=0.3)
    await cloud.does("staging", "kill-deployment")
    await cloud.does("staging", "unstick-deployment")
    await deployment
    assert (cloud.wwwroot("staging") / "index.js").exists()


@pytest.mark.parametrize("fault", [{"status": 504}, {"drop": True}])
async def test_an_upload_without_an_answer_that_arrived_is_not_made_again(
    cloud: Cloud, kudu: Kudu, package: Path, fault: dict[str, object]
) -> None:
    await cloud.answers(host="scm", method="POST", path="zipdeploy", after=True, **fault)
    await deploy(kudu, package)
    assert await cloud.asked("zipdeploy") == 1
    assert (cloud.wwwroot("staging") / "index.js").exists()


async def test_a_full_disk_is_told_at_once(cloud: Cloud, kudu: Kudu, package: Path) -> None:
    await cloud.answers(host="scm", method="POST", status=500, body=NO_SPACE)
    with pytest.raises(SlotFull, match="not enough space"):
        await deploy(kudu, package)
    await cloud.answers(host="scm", method="PUT", status=500, body=NO_SPACE, count=9)
    with pytest.raises(SlotFull):
        await kudu.upload("site/wwwroot/big", package)
    assert await cloud.asked("big", "PUT") == 1


async def refused(cloud: Cloud) -> bool:
    """The second of two has been told to wait, or has seen that it must."""
    return await cloud.asked("zipdeploy") > 1 or await cloud.asked("deployments/latest", "GET") > 2


async def deploying(cloud: Cloud) -> bool:
    return bool((await cloud.shows())["slots"]["staging"]["deploying"])


# -- WebJobs ------------------------------------------------------------------------------------


@pytest.fixture
async def jobs(cloud: Cloud) -> Kudu:
    add_job(cloud.home(), "BackupDb-Manual", "echo made")
    return await cloud.site.kudu("production")


async def test_a_webjob_is_run_and_waited_for(cloud: Cloud, jobs: Kudu) -> None:
    first = await jobs.run_webjob("BackupDb-Manual", 10)
    second = await jobs.run_webjob("BackupDb-Manual", 10)
    assert (first.status, second.status) == ("Success", "Success")
    assert first.id != second.id
    assert not await jobs.webjob_exists("Other")
    with pytest.raises(WebJobMissing):
        await jobs.run_webjob("Other", 10)


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}])
async def test_a_run_without_an_answer_that_began_is_waited_for(
    cloud: Cloud, jobs: Kudu, fault: dict[str, object]
) -> None:
    await cloud.answers(host="scm", method="POST", path="/run", after=True, **fault)
    await jobs.run_webjob("BackupDb-Manual", 10)
    assert await cloud.asked("/run") == 1


async def test_a_failing_a_hanging_and_a_disabled_webjob_are_told_apart(cloud: Cloud, jobs: Kudu) -> None:
    await cloud.does("production", "webjob", job="BackupDb-Manual", outcome="fail")
    with pytest.raises(WebJobFailed, match="Failed"):
        await jobs.run_webjob("BackupDb-Manual", 5)
    await cloud.answers(host="scm", method="POST", path="/run", status=409)
    with pytest.raises(WebJobBusy):
        await jobs.run_webjob("BackupDb-Manual", 5)
    await cloud.does("production", "webjob", job="BackupDb-Manual", outcome="hang")
    with pytest.raises(WebJobStuck):
        await jobs.run_webjob("BackupDb-Manual", 0.5)


async def test_a_run_under_way_is_waited_for_and_not_taken_for_ours(cloud: Cloud, jobs: Kudu) -> None:
    await cloud.does("production", "webjob", job="BackupDb-Manual", outcome="hang")
    cut_off = asyncio.create_task(jobs.run_webjob("BackupDb-Manual", 10))
    await eventually(lambda: running_a_job(jobs), "a run is under way")
    cut_off.cancel()  # the bot was killed; its run goes on
    again = asyncio.create_task(jobs.run_webjob("BackupDb-Manual", 10))
    await cloud.does("production", "webjob", job="BackupDb-Manual")
    run = await again
    runs = await jobs.webjob_runs("BackupDb-Manual")
    assert len(runs) == 2
    assert run.id == runs[0].id


async def running_a_job(jobs: Kudu) -> bool:
    return any(not run.ended for run in await jobs.webjob_runs("BackupDb-Manual"))


# -- transfers ----------------------------------------------------------------------------------


async def test_a_recycling_scm_site_is_waited_for(cloud: Cloud, kudu: Kudu) -> None:
    await cloud.does("staging", "recycle-scm", seconds=0.6)
    await kudu.reachable()
    await kudu.write("site/wwwroot/a", b"1")
    await kudu.write("site/wwwroot/a", b"2")
    assert await kudu.read("site/wwwroot/a") == b"2"
    await kudu.delete("site/wwwroot/a")
    await kudu.delete("site/wwwroot/a")
    assert await kudu.read("site/wwwroot/a") is None


async def test_a_truncated_download_is_fetched_again_and_never_used(
    cloud: Cloud, kudu: Kudu, tmp_path: Path
) -> None:
    cloud.wwwroot("staging").mkdir(parents=True, exist_ok=True)
    (cloud.wwwroot("staging") / "db").write_bytes(b"x" * 300_000)
    await cloud.answers(host="scm", path="/db", truncate=1000)
    target = tmp_path / "db"
    await kudu.download("site/wwwroot/db", target)
    assert target.stat().st_size == 300_000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600

    target.unlink()
    impatient = await cloud.site_with(scm_patience=0.3).kudu("staging")
    await cloud.answers(host="scm", path="/db", truncate=1000, count=99)
    with pytest.raises(TransferBroken):
        await impatient.download("site/wwwroot/db", target)
    assert list(tmp_path.glob("db*")) == []


async def test_a_missing_file_and_a_full_bot_disk_are_told_apart(
    cloud: Cloud, kudu: Kudu, tmp_path: Path
) -> None:
    with pytest.raises(FileMissing):
        await kudu.download("site/wwwroot/none", tmp_path / "x")
    await kudu.write("site/wwwroot/a", b"1")
    with pytest.raises(BotDiskTrouble):
        await kudu.download("site/wwwroot/a", tmp_path / "no such folder" / "x")


@pytest.mark.parametrize("body", ["<html>starting</html>", "{}x", "7", '[{"name": "../../x", "size": 1}]'])
async def test_an_answer_that_is_no_listing_becomes_our_error(kudu: Kudu, cloud: Cloud, body: str) -> None:
    impatient = await cloud.site_with(scm_patience=0.5).kudu("staging")
    await cloud.answers(host="scm", path="/api/vfs", status=200, body=body, count=99)
    with pytest.raises(ScmUnreachable):
        await impatient.list("site/wwwroot")
    await cloud.behaves_again()
    await cloud.answers(host="scm", path="/api/vfs", status=200, body=body)
    assert await kudu.list("site/wwwroot/none") == ()


async def test_a_name_that_leads_elsewhere_is_refused(kudu: Kudu, cloud: Cloud) -> None:
    row = '{"name": "../../x", "size": 1, "mtime": "2026", "mime": "text/plain"}'
    impatient = await cloud.site_with(scm_patience=0.5).kudu("staging")
    await cloud.answers(host="scm", path="/api/vfs", status=200, body=f"[{row}]", count=99)
    with pytest.raises(ScmUnreachable):
        await impatient.walk("site/wwwroot")


async def test_a_page_that_says_200_is_not_taken_for_a_file(cloud: Cloud, kudu: Kudu, tmp_path: Path) -> None:
    """The front end's page about a starting site would be stored as an image, or read as a version."""
    await kudu.write("site/wwwroot/a", b"1")
    page: dict[str, object] = {"path": "/wwwroot/a", "status": 200, "body": "<html>starting</html>"}
    await cloud.answers(host="scm", method="GET", **page)
    assert await kudu.read("site/wwwroot/a") == b"1"
    await cloud.answers(host="scm", method="GET", **page)
    await kudu.download("site/wwwroot/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"1"
    production = await cloud.site.kudu("production")
    await cloud.answers(host="scm", method="GET", slot="blog/staging", **page)
    await kudu.copy_to(production, "site/wwwroot/a")
    assert await production.read("site/wwwroot/a") == b"1"


async def test_what_never_arrived_is_asked_for_again(
    cloud: Cloud, kudu: Kudu, jobs: Kudu, package: Path
) -> None:
    """Neither a deployment to a stopped slot nor a backup does harm when it is made twice."""
    await cloud.answers(host="scm", method="POST", path="/run", drop=True)
    await jobs.run_webjob("BackupDb-Manual", 20)
    await cloud.answers(host="scm", method="POST", path="zipdeploy", status=502)
    await deploy(kudu, package, 20)
    assert (await cloud.asked("/run"), await cloud.asked("zipdeploy")) == (2, 2)


async def test_no_rights_and_no_credentials_are_told_apart(kudu: Kudu, cloud: Cloud) -> None:
    await cloud.answers(host="scm", status=403)
    with pytest.raises(ScmRefused, match="403"):
        await kudu.reachable()


async def test_a_token_that_cannot_be_had_is_told_as_credentials(cloud: Cloud) -> None:
    kudu = Kudu(
        cloud.told["sites"]["blog"]["staging"]["scm"], "blog", SignIn(cloud.site._token), cloud.http, 2
    )
    await cloud.answers(host="identity", count=99, status=400, body='{"error": "no identity"}')
    with pytest.raises(AzureRefused):
        await kudu.reachable()


async def test_tokens_that_expire_in_mid_release_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    async with a_cloud(tmp_path / "short", monkeypatch, {"token_seconds": 1}) as cloud:
        kudu = await cloud.site.kudu("staging")
        await deploy(kudu, package)
        await asyncio.sleep(1.2)  # the token's whole life: there is no other condition to wait for
        await kudu.reachable()
        assert (await cloud.site.app.slot("staging")).running
