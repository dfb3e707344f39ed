"""Kinds of App Service: a build on the server, a package that is run, Windows with iisnode, containers."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from demo.tiny.registry import TinyRegistry, start_registry
from sandbox.appservice import Options
from tests.sandbox.appservice_fixtures import APP, QUICK, Azure, eventually, running

NODE_SAYS = "require('http').createServer((q, s) => s.end(process.env.SAYS || 'here')).listen(%s)"
WEB_CONFIG = """<configuration><system.webServer>
  <handlers><add name="iisnode" path="start.js" verb="*" modules="iisnode" /></handlers>
</system.webServer></configuration>"""


@pytest.fixture
async def registry() -> AsyncIterator[TinyRegistry]:
    found = await start_registry()
    yield found
    await found.close()


@pytest.fixture
async def windows(tmp_path: Path) -> AsyncIterator[Azure]:
    """A site `blog` on Windows, with a production and a staging slot, both empty."""
    options = Options(**{**vars(QUICK), "sites": {}})
    async with running(tmp_path / "azure", options) as found:
        await found.control("PUT", "/sites/blog", windows=True, slots=["staging"])
        found.addresses = found.service.as_json()
        yield found


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


async def deploy(azure: Azure, files: dict[str, str], slot: str = "production") -> dict[str, Any]:
    """Deploy as a pipeline does; the deployment's end as Kudu tells it, with all states it went through."""
    url = f"{azure.scm(slot)}/api"
    before = await azure.operator.get(f"{url}/deployments/latest")
    known = before.json()["received_time"] if before.status_code == 200 else None
    await azure.operator.post(f"{url}/zipdeploy?isAsync=true", content=zipped(files))
    seen: list[int] = []
    latest: dict[str, Any] = {}

    async def ended() -> bool:
        answer = await azure.operator.get(f"{url}/deployments/latest")
        if answer.status_code == 404 or answer.json()["received_time"] == known:
            return False
        latest.update(answer.json())
        if latest["status"] not in seen:
            seen.append(latest["status"])
        return bool(latest["complete"])

    await eventually(ended, "the deployment has ended", seconds=60)
    return {**latest, "seen": seen}


async def configure(azure: Azure, settings: dict[str, str], slot: str = "production") -> None:
    rest, name = "/config/appsettings", None if slot == "production" else slot
    await azure.operator.put(azure.arm(rest, name), json={"properties": settings})
    await azure.scm_is_back(slot)


async def test_a_build_during_deployment_installs_what_the_package_needs(
    azure: Azure, registry: TinyRegistry
) -> None:
    await configure(azure, {"SCM_DO_BUILD_DURING_DEPLOYMENT": "true", "npm_config_registry": registry.url})
    manifest = {"dependencies": {"knex-migrator": "*"}, "devDependencies": {"ghost": "6.4.0"}}
    files = {"server.js": NODE_SAYS % "process.env.PORT", "package.json": json.dumps(manifest)}
    ended = await deploy(azure, files)
    assert (ended["status"], 1 in ended["seen"]) == (4, True)
    wwwroot = azure.home() / "site" / "wwwroot"
    assert (wwwroot / "node_modules" / "knex-migrator" / "package.json").is_file()
    assert not (wwwroot / "node_modules" / "ghost").exists()
    await azure.answers("here")


async def test_a_build_that_fails_leaves_what_runs_alone_and_says_why(
    azure: Azure, registry: TinyRegistry
) -> None:
    await azure.install("1")
    await configure(azure, {"SCM_DO_BUILD_DURING_DEPLOYMENT": "true", "npm_config_registry": registry.url})
    manifest = {"dependencies": {"is-nowhere": "*"}}
    ended = await deploy(azure, {"version.txt": "2", "package.json": json.dumps(manifest)})
    assert ended["status"] == 3
    log = (await azure.operator.get(ended["log_url"])).json()
    assert any("is-nowhere" in line["message"] for line in log)
    await azure.answers("1")
    assert not (azure.home() / "site" / "wwwroot" / "package.json").exists()


async def test_a_restart_of_the_scm_container_ends_a_build(azure: Azure, registry: TinyRegistry) -> None:
    await configure(azure, {"SCM_DO_BUILD_DURING_DEPLOYMENT": "true", "npm_config_registry": registry.url})
    manifest = {"dependencies": {}, "scripts": {"install": "sleep 60"}}
    url = f"{azure.scm()}/api"
    await azure.operator.post(
        f"{url}/zipdeploy?isAsync=true", content=zipped({"package.json": json.dumps(manifest)})
    )

    async def building() -> bool:
        answer = await azure.operator.get(f"{url}/deployments/latest")
        return answer.status_code == 202 and answer.json()["status"] == 1

    await eventually(building, "it is building")
    await azure.control("POST", "/sites/blog/production/kill-deployment")
    latest = (await azure.operator.get(f"{url}/deployments/latest")).json()
    assert (latest["status"], "container restart" in latest["status_text"]) == (3, True)


async def test_on_linux_a_package_that_is_run_is_seen_by_the_app_and_not_by_kudu(azure: Azure) -> None:
    await configure(azure, {"WEBSITE_RUN_FROM_PACKAGE": "1"})
    await deploy(azure, {"server.js": NODE_SAYS % "process.env.PORT"})
    await azure.answers("here")
    vfs = f"{azure.scm()}/api/vfs"
    assert (await azure.operator.get(f"{vfs}/site/wwwroot/server.js")).status_code == 404
    assert (await azure.operator.put(f"{vfs}/site/wwwroot/new.txt", content=b"1")).status_code == 409
    name = (await azure.operator.get(f"{vfs}/data/SitePackages/packagename.txt")).text
    package = await azure.operator.get(f"{vfs}/data/SitePackages/{name}")
    assert zipfile.ZipFile(io.BytesIO(package.content)).namelist() == ["server.js"]
    assert (await azure.operator.put(f"{vfs}/data/new.txt", content=b"1")).status_code == 201


async def test_a_windows_site_is_shown_as_one(windows: Azure) -> None:
    row = (await windows.operator.get(windows.arm())).json()
    assert (row["kind"], row["properties"]["reserved"]) == ("app", False)
    web = (await windows.operator.get(windows.arm("/config/web"))).json()
    assert web["properties"]["linuxFxVersion"] == ""
    entry = (await windows.operator.get(f"{windows.scm()}/api/vfs/site/")).json()[0]
    assert entry["path"].startswith("D:\\home\\site\\")
    command = {"command": "echo here", "dir": "D:\\home\\site"}
    answer = (await windows.operator.post(f"{windows.scm()}/api/command", json=command)).json()
    assert answer["Output"] == "here\n"


async def test_iisnode_starts_the_file_of_web_config_and_talks_to_it_over_a_pipe(windows: Azure) -> None:
    files = {
        "web.config": WEB_CONFIG,
        "start.js": APP,
        "version.txt": "over a pipe",
        "package.json": '{"scripts": {"start": "exit 1"}}',
    }
    await deploy(windows, files)
    await windows.answers("over a pipe")
    environment = await windows.env()
    assert not environment["PORT"].isdecimal()
    assert environment["IISNODE_VERSION"]
    kept = await windows.visitor.post(f"{windows.site()}/size", content=b"x" * 200_000)
    assert kept.text == "200000"
    await windows.control("PUT", "/sites/blog", production={"running": False})
    assert not Path(environment["PORT"]).parent.exists()


async def test_code_that_expects_a_number_as_its_port_fails_on_windows(windows: Azure) -> None:
    await deploy(windows, {"web.config": WEB_CONFIG, "start.js": NODE_SAYS % "Number(process.env.PORT)"})

    async def crashed() -> bool:
        return bool((await windows.slot_state())["crashes"])

    await eventually(crashed, "the app has ended")
    assert (await windows.visitor.get(windows.site())).status_code == 503


async def test_windows_swaps_apps_behind_pipes(windows: Azure) -> None:
    for slot, text in (("production", "old"), ("staging", "new")):
        await deploy(windows, {"web.config": WEB_CONFIG, "start.js": APP, "version.txt": text}, slot)
        await windows.answers(text, slot)
    await windows.operator.post(
        windows.arm("/slotsswap", "staging"), json={"targetSlot": "production", "preserveVnet": True}
    )
    await windows.answers("new")
    await windows.answers("old", "staging")


async def test_with_auto_swap_what_is_deployed_on_windows_goes_live_until_it_is_turned_off(
    windows: Azure,
) -> None:
    await windows.configure("staging", auto_swap_slot_name="production")
    await deploy(windows, {"web.config": WEB_CONFIG, "start.js": APP, "version.txt": "new"}, "staging")
    await windows.answers("new")

    async def swap_is_over() -> bool:
        return (await windows.control("GET", "/sites/blog"))["swap"] is None

    await eventually(swap_is_over, "the swap is over")
    await windows.configure("staging", auto_swap_slot_name="")
    await deploy(windows, {"web.config": WEB_CONFIG, "start.js": APP, "version.txt": "newer"}, "staging")
    await windows.answers("newer", "staging")
    assert await swap_is_over()
    assert (await windows.visitor.get(windows.site())).text == "new"


async def test_linux_has_no_auto_swap(azure: Azure) -> None:
    await azure.configure("staging", auto_swap_slot_name="production")
    await deploy(azure, {"server.js": NODE_SAYS % "process.env.PORT"}, "staging")
    await azure.answers("here", "staging")
    assert not [
        one for one in (await azure.control("GET", "/sites/blog"))["events"] if "swap" in one["event"]
    ]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "main.js").write_text(
        "const fs = require('fs'), path = require('path');"
        "const kept = path.join(process.env.HOME, 'kept.txt');"
        "fs.appendFileSync(kept, 'x'); fs.appendFileSync('inside.txt', 'x');"
        "require('http').createServer((q, s) => s.end([process.env.IMAGE_SAYS,"
        "fs.readFileSync(kept).length, fs.readFileSync('inside.txt').length].join()))"
        ".listen(Number(process.env.LISTENS || process.env.PORT), '0.0.0.0');"
    )
    return folder


async def has_image(azure: Azure, folder: Path, tag: str) -> str:
    reference = f"registry.example.com/blog:{tag}"
    await azure.control(
        "PUT",
        "/images",
        reference=reference,
        folder=str(folder),
        command=f"IMAGE_SAYS={tag} node main.js",
        node=azure.service.cloud.runtimes.default_major,
        port=2368,
    )
    return reference


async def test_a_container_starts_afresh_and_keeps_home_only_where_that_is_asked_for(
    azure: Azure, image: Path
) -> None:
    await azure.control("PUT", "/sites/blog", production={"image": await has_image(azure, image, "1")})
    await azure.answers("1,1,1")
    assert (await azure.operator.get(azure.arm())).json()["kind"] == "app,linux,container"
    await azure.control("POST", "/sites/blog/production/kill-process")
    await azure.answers("1,1,1")
    await configure(azure, {"WEBSITES_ENABLE_APP_SERVICE_STORAGE": "true"})
    await azure.answers("1,1,1")
    await azure.control("POST", "/sites/blog/production/kill-process")
    await azure.answers("1,2,1")


async def test_a_slots_image_is_set_over_arm_and_goes_with_a_swap(azure: Azure, image: Path) -> None:
    old, new = await has_image(azure, image, "1"), await has_image(azure, image, "2")
    await azure.configure(linux_fx_version=f"DOCKER|{old}")
    await azure.configure("staging", linux_fx_version=f"DOCKER|{new}")
    await azure.answers("1,1,1")
    await azure.answers("2,1,1", "staging")
    await azure.operator.post(
        azure.arm("/slotsswap", "staging"), json={"targetSlot": "production", "preserveVnet": True}
    )
    await azure.answers("2,1,1")
    await azure.answers("1,1,1", "staging")


async def test_an_image_that_nobody_has_does_not_start_and_the_log_says_so(azure: Azure) -> None:
    await azure.configure(linux_fx_version="DOCKER|registry.example.com/blog:none")

    async def crashed() -> bool:
        return bool((await azure.slot_state())["crashes"])

    await eventually(crashed, "it did not start")
    log = (azure.home() / "LogFiles" / "docker.log").read_text()
    assert "manifest for registry.example.com/blog:none not found: manifest unknown" in log


async def test_a_container_that_listens_on_another_port_is_not_reached_until_the_platform_is_told(
    azure: Azure, image: Path
) -> None:
    await azure.control(
        "PUT",
        "/sites/blog",
        production={"image": await has_image(azure, image, "1"), "settings": {"LISTENS": "8080"}},
    )

    async def started() -> bool:
        return bool((await azure.slot_state())["starts"])

    await eventually(started, "it was started")
    swap = azure.arm("/slotsswap", "staging")
    await azure.control(
        "PUT",
        "/sites/blog",
        slots={"staging": {"image": await has_image(azure, image, "1"), "settings": {"LISTENS": "8080"}}},
    )
    answer = await azure.operator.post(swap, json={"targetSlot": "production", "preserveVnet": True})

    async def failed() -> bool:
        polled = await azure.operator.get(answer.headers["Location"])
        return polled.status_code == 417

    await eventually(failed, "the warm-up has no answer", seconds=30)
    await configure(azure, {"LISTENS": "8080", "WEBSITES_PORT": "8080"})
    await azure.answers("1,1,1")
