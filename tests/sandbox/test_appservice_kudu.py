"""Kudu: files with conditions, zips, both kinds of deployment, commands and the log stream."""

import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sandbox.appservice import Options
from tests.sandbox.appservice_fixtures import QUICK, Azure, add_job, eventually, running


def zipped(**files: str) -> bytes:
    """A zip; __ in a name is a slash and the end after the last _ its extension."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in files.items():
            package.writestr(name.replace("__", "/").replace("_", "."), text)
    return buffer.getvalue()


def vfs(azure: Azure, path: str) -> str:
    return f"{azure.scm()}/api/vfs/{path}"


async def deployed(azure: Azure) -> dict[str, object]:
    """The latest deployment, once it has ended."""
    found: dict[str, object] = {}

    async def ended() -> bool:
        answer = await azure.operator.get(f"{azure.scm()}/api/deployments/latest")
        if answer.status_code == 200:
            found.update(answer.json())
        return (
            answer.status_code == 200
            and not azure.service.cloud.sites["blog"].production.occupant.deployer.busy
        )

    await eventually(ended, "the deployment ends")
    found.update((await azure.operator.get(f"{azure.scm()}/api/deployments/latest")).json())
    return found


async def test_a_new_file_is_created_with_its_parents_and_an_etag(azure: Azure) -> None:
    made = await azure.operator.put(vfs(azure, "site/wwwroot/a/b/c.txt"), content=b"one")
    assert made.status_code == 201
    read = await azure.operator.get(vfs(azure, "site/wwwroot/a/b/c.txt"))
    assert (read.status_code, read.content, read.headers["ETag"]) == (200, b"one", made.headers["ETag"])
    assert "Last-Modified" in read.headers
    known = await azure.operator.get(
        vfs(azure, "site/wwwroot/a/b/c.txt"), headers={"If-None-Match": made.headers["ETag"]}
    )
    assert known.status_code == 304


@pytest.mark.parametrize(
    ("condition", "status"), [(None, 412), ('"other"', 412), ("*", 204), ("its own", 204)]
)
async def test_a_file_is_replaced_only_by_who_names_its_etag(
    azure: Azure, condition: str | None, status: int
) -> None:
    made = await azure.operator.put(vfs(azure, "site/x.txt"), content=b"one")
    etag = made.headers["ETag"] if condition == "its own" else condition
    headers = {"If-Match": etag} if etag else {}
    again = await azure.operator.put(vfs(azure, "site/x.txt"), content=b"two", headers=headers)
    assert again.status_code == status
    assert (azure.home() / "site" / "x.txt").read_text() == ("two" if status == 204 else "one")


async def test_a_file_is_deleted_only_by_who_names_its_etag(azure: Azure) -> None:
    await azure.operator.put(vfs(azure, "site/x.txt"), content=b"one")
    assert (await azure.operator.delete(vfs(azure, "site/x.txt"))).status_code == 412
    gone = await azure.operator.delete(vfs(azure, "site/x.txt"), headers={"If-Match": "*"})
    assert gone.status_code == 200
    assert (
        await azure.operator.delete(vfs(azure, "site/x.txt"), headers={"If-Match": "*"})
    ).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status", "content", "shown"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-100", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
    ],
)
async def test_a_part_of_a_file(azure: Azure, wanted: str, status: int, content: bytes, shown: str) -> None:
    await azure.operator.put(vfs(azure, "site/x.txt"), content=b"0123456789")
    part = await azure.operator.get(vfs(azure, "site/x.txt"), headers={"Range": wanted})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (status, content, shown)


async def test_folders_have_a_slash_and_files_have_none(azure: Azure) -> None:
    await azure.operator.put(vfs(azure, "site/d/x.txt"), content=b"1")
    folder = await azure.operator.get(vfs(azure, "site/d"))
    assert (folder.status_code, folder.headers["Location"]) == (307, "/api/vfs/site/d/")
    file = await azure.operator.get(vfs(azure, "site/d/x.txt/"))
    assert (file.status_code, file.headers["Location"]) == (307, "/api/vfs/site/d/x.txt")
    (row,) = (await azure.operator.get(vfs(azure, "site/d/"))).json()
    assert (row["name"], row["size"], row["path"]) == ("x.txt", 1, "/home/site/d/x.txt")
    rows = (await azure.operator.get(vfs(azure, "site/"))).json()
    assert {one["name"]: one["mime"] for one in rows}["d"] == "inode/directory"


async def test_a_folder_that_is_not_empty_is_deleted_only_recursively(azure: Azure) -> None:
    await azure.operator.put(vfs(azure, "site/d/x.txt"), content=b"1")
    assert (await azure.operator.delete(vfs(azure, "site/d/"))).status_code == 409
    assert (await azure.operator.delete(vfs(azure, "site/d/?recursive=true"))).status_code == 200
    assert (await azure.operator.get(vfs(azure, "site/d/"))).status_code == 404


async def test_nothing_outside_the_slots_folder_can_be_reached(azure: Azure, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    for path in ("%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret", "..%2f..%2fstate.json"):
        assert (await azure.operator.get(vfs(azure, path))).status_code == 404
    (azure.home() / "site" / "link").symlink_to(tmp_path)
    assert (await azure.operator.get(vfs(azure, "site/link/secret"))).status_code == 404


async def test_an_upload_that_breaks_off_leaves_half_a_file(azure: Azure) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await azure.operator.put(
            vfs(azure, "site/x.txt"),
            content=half(),
            headers={"Content-Length": "100"},
        )

    async def arrived() -> bool:
        path = azure.home() / "site" / "x.txt"
        return path.exists() and path.read_text() == "half"

    await eventually(arrived, "the half arrives")


async def test_a_folder_comes_as_a_zip_and_a_zip_is_unpacked_over_a_folder(azure: Azure) -> None:
    put = await azure.operator.put(
        f"{azure.scm()}/api/zip/site/wwwroot/content/", content=zipped(a_txt="1", images__b_png="2")
    )
    assert put.status_code == 200
    await azure.operator.put(f"{azure.scm()}/api/zip/site/wwwroot/content/", content=zipped(c_txt="3"))
    got = await azure.operator.get(f"{azure.scm()}/api/zip/site/wwwroot/content/")
    with zipfile.ZipFile(io.BytesIO(got.content)) as package:
        assert sorted(package.namelist()) == ["a.txt", "c.txt", "images/b.png"]
    bad = await azure.operator.put(f"{azure.scm()}/api/zip/site/wwwroot/content/", content=b"no zip")
    assert bad.status_code == 400


async def test_a_zip_cannot_write_outside(azure: Azure) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("fine.txt", "1")
        package.writestr("../../../evil.txt", "1")
    answer = await azure.operator.put(f"{azure.scm()}/api/zip/site/wwwroot/", content=buffer.getvalue())
    assert answer.status_code == 400
    assert not list(azure.home().resolve().parent.rglob("*.txt"))


async def test_zipdeploy_removes_only_what_the_last_deployment_brought(azure: Azure) -> None:
    wwwroot = azure.home() / "site" / "wwwroot"
    (wwwroot / "upload.jpg").write_text("by a person")
    url = f"{azure.scm()}/api/zipdeploy?isAsync=true"
    await azure.operator.post(url, content=zipped(a_txt="1", lib__old_js="1"))
    await deployed(azure)
    await azure.operator.post(url, content=zipped(a_txt="2"))
    done = await deployed(azure)
    assert (done["status"], done["complete"], done["deployer"]) == (4, True, "ZipDeploy")
    assert {one.name for one in wwwroot.iterdir()} == {"a.txt", "upload.jpg"}


async def test_onedeploy_empties_the_folder_unless_told_otherwise(azure: Azure) -> None:
    wwwroot = azure.home() / "site" / "wwwroot"
    (wwwroot / "upload.jpg").write_text("by a person")
    await azure.operator.post(
        f"{azure.scm()}/api/publish?type=zip&async=true&clean=false", content=zipped(a_txt="1")
    )
    await deployed(azure)
    assert {one.name for one in wwwroot.iterdir()} == {"a.txt", "upload.jpg"}
    await azure.operator.post(f"{azure.scm()}/api/publish?type=zip&async=true", content=zipped(b_txt="1"))
    await deployed(azure)
    assert {one.name for one in wwwroot.iterdir()} == {"b.txt"}
    assert (await azure.operator.post(f"{azure.scm()}/api/publish?type=tar", content=b"")).status_code == 400


async def test_a_deployment_is_announced_late_and_its_address_is_of_no_use(azure: Azure) -> None:
    assert (await azure.operator.get(f"{azure.scm()}/api/deployments/latest")).status_code == 404
    await azure.control("POST", "/sites/blog/production/stick-deployment")
    begun = await azure.operator.post(f"{azure.scm()}/api/zipdeploy?isAsync=true", content=zipped(a_txt="1"))
    assert begun.status_code == 202
    assert ":80/api/deployments/latest" in begun.headers["Location"]
    second = await azure.operator.post(f"{azure.scm()}/api/zipdeploy?isAsync=true", content=zipped(a_txt="1"))
    assert second.status_code == 409

    async def pending() -> bool:
        return (await azure.operator.get(f"{azure.scm()}/api/deployments/latest")).status_code == 202

    await eventually(pending, "latest is the new one")
    await azure.control("POST", "/sites/blog/production/unstick-deployment")
    assert (await deployed(azure))["status"] == 4


async def test_writing_settings_kills_a_deployment_and_recycles_scm(azure: Azure) -> None:
    await azure.control("POST", "/sites/blog/production/stick-deployment")
    await azure.operator.post(f"{azure.scm()}/api/zipdeploy?isAsync=true", content=zipped(a_txt="1"))
    await azure.operator.put(azure.arm("/config/appsettings"), json={"properties": {"A": "1"}})
    assert (await azure.operator.get(f"{azure.scm()}/api/deployments")).status_code == 503
    await azure.scm_is_back()
    done = await deployed(azure)
    assert done["status"] == 3
    assert "SCM container restart" in str(done["status_text"])


async def test_a_deployment_that_dies_in_the_middle_leaves_half_an_app(azure: Azure) -> None:
    await azure.control("POST", "/sites/blog/production/stick-deployment", files=1)
    await azure.operator.post(
        f"{azure.scm()}/api/publish?type=zip&async=true", content=zipped(a_txt="1", b_txt="2", c_txt="3")
    )
    wwwroot = azure.home() / "site" / "wwwroot"

    async def one_file() -> bool:
        return {one.name for one in wwwroot.iterdir()} == {"a.txt"}

    await eventually(one_file, "the first file is there")
    await azure.control("POST", "/sites/blog/production/kill-deployment")
    assert (await deployed(azure))["status"] == 3
    assert await one_file()
    await azure.control("POST", "/sites/blog/production/unstick-deployment")
    await azure.operator.post(f"{azure.scm()}/api/publish?type=zip", content=zipped(a_txt="1", b_txt="2"))
    assert {one.name for one in wwwroot.iterdir()} == {"a.txt", "b.txt"}


async def test_a_package_that_is_run_makes_wwwroot_read_only(azure: Azure) -> None:
    await azure.operator.put(
        azure.arm("/config/appsettings"), json={"properties": {"WEBSITE_RUN_FROM_PACKAGE": "1"}}
    )
    await azure.scm_is_back()
    (azure.home() / "site" / "wwwroot" / "upload.jpg").write_text("by a person")
    await azure.operator.post(f"{azure.scm()}/api/zipdeploy?isAsync=true", content=zipped(a_txt="1"))
    await deployed(azure)
    refused = await azure.operator.put(vfs(azure, "site/wwwroot/b.txt"), content=b"1")
    assert refused.status_code == 409
    assert {one.name for one in (azure.home() / "site" / "wwwroot").iterdir()} == {"a.txt"}
    assert (azure.home() / "data" / "SitePackages" / "packagename.txt").exists()


async def test_a_deployed_app_runs_after_the_deployment(azure: Azure) -> None:
    script = "require('http').createServer((q, s) => s.end('deployed')).listen(process.env.PORT)"
    await azure.operator.post(
        f"{azure.scm()}/api/publish?type=zip",
        content=zipped(main_js=script, package_json='{"scripts": {"start": "node main.js"}}'),
    )
    await azure.answers("deployed")


async def test_links_in_a_package_become_text_files(azure: Azure) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        link = zipfile.ZipInfo("bin/tool")
        link.external_attr = (0o120777) << 16
        package.writestr(link, "../tool.js")
    await azure.operator.put(f"{azure.scm()}/api/zip/site/wwwroot/", content=buffer.getvalue())
    tool = azure.home() / "site" / "wwwroot" / "bin" / "tool"
    assert not tool.is_symlink()
    assert tool.read_text() == "../tool.js"
    assert os.access(tool, os.X_OK)


async def test_a_command_always_answers_200(azure: Azure) -> None:
    url = f"{azure.scm()}/api/command"
    fine = (await azure.operator.post(url, json={"command": "pwd; echo $HOME", "dir": "site/wwwroot"})).json()
    home = azure.home().resolve()
    assert fine == {"Output": f"{home}/site/wwwroot\n{home}\n", "Error": "", "ExitCode": 0}
    failed = (await azure.operator.post(url, json={"command": "exit 7", "dir": ""})).json()
    assert failed["ExitCode"] == 7


async def test_the_log_stream_shows_what_the_app_writes(azure: Azure) -> None:
    heard = bytearray()

    async def listen() -> None:
        async with azure.operator.stream("GET", f"{azure.scm()}/api/logstream") as answer:
            async for chunk in answer.aiter_bytes():
                heard.extend(chunk)

    listener = asyncio.create_task(listen())

    async def welcomed() -> bool:
        return b"Welcome" in heard

    await eventually(welcomed, "the stream begins")
    await azure.install("7")

    async def told() -> bool:
        return b"app 7 starts" in heard

    await eventually(told, "the app's line arrives")
    listener.cancel()


async def test_a_job_really_runs_and_keeps_its_history(azure: Azure) -> None:
    add_job(azure.home(), "Backup", "pwd > ../../../../copy.txt; echo done; exit ${CODE:-0}")
    run = await azure.operator.post(f"{azure.scm()}/api/triggeredwebjobs/Backup/run")
    assert run.status_code == 202
    record = run.headers["Location"]

    async def ended() -> bool:
        return bool((await azure.operator.get(record)).json()["status"] == "Success")

    await eventually(ended, "the job ends")
    row = (await azure.operator.get(record)).json()
    assert row["end_time"] > row["start_time"]
    output = await azure.operator.get(row["output_url"], follow_redirects=True)
    assert "done" in output.text
    assert (azure.home() / "site" / "wwwroot" / "copy.txt").read_text().strip().endswith("triggered/Backup")
    runs = (await azure.operator.get(f"{azure.scm()}/api/triggeredwebjobs/Backup/history")).json()["runs"]
    assert [one["id"] for one in runs] == [row["id"]]


async def test_a_job_can_be_missing_busy_stopped_or_failing(azure: Azure) -> None:
    base = f"{azure.scm()}/api/triggeredwebjobs"
    assert (await azure.operator.post(f"{base}/Backup/run")).status_code == 404
    add_job(azure.home(), "Backup", "exit 1")
    await azure.control("POST", "/sites/blog/production/webjob", job="Backup", outcome="hang")
    await azure.operator.post(f"{base}/Backup/run")
    assert (await azure.operator.post(f"{base}/Backup/run")).status_code == 409
    await azure.control("POST", "/sites/blog/production/webjob", job="Backup")

    async def failed() -> bool:
        return bool((await azure.operator.get(f"{base}/Backup")).json()["latest_run"]["status"] == "Failed")

    await eventually(failed, "the job fails")
    await azure.operator.post(azure.arm("/stop"))
    assert (await azure.operator.post(f"{base}/Backup/run")).status_code == 409


async def test_scm_wants_a_token_and_takes_passwords_only_where_they_are_allowed(azure: Azure) -> None:
    url = f"{azure.scm()}/api/deployments"
    user = azure.addresses["publishing"]["blog"]["production"]
    async with httpx.AsyncClient(auth=(user["user"], user["password"])) as basic:
        assert (await azure.visitor.get(url)).status_code == 401
        assert (await basic.get(url)).status_code == 401
        await azure.operator.put(
            azure.arm("/basicPublishingCredentialsPolicies/scm"), json={"properties": {"allow": True}}
        )
        assert (await basic.get(url)).status_code == 200
    async with httpx.AsyncClient(auth=(user["user"], "wrong")) as wrong:
        assert (await wrong.get(url)).status_code == 401


async def test_a_line_with_a_limit_takes_its_time_both_ways(tmp_path: Path) -> None:
    far_away = Options(**{**vars(QUICK), "scm_seconds": 0.1, "scm_bytes": 100_000})
    async with running(tmp_path / "azure", far_away) as azure:
        file = f"{azure.scm()}/api/vfs/site/wwwroot/large.bin"
        await azure.operator.put(file, content=b"x" * 30_000)
        assert (await azure.operator.get(file)).content == b"x" * 30_000
        took = {one.method: one.seconds for one in azure.service.cloud.faults.seen if one.host == "scm"}
        assert took["PUT"] >= 0.4
        assert took["GET"] >= 0.4
