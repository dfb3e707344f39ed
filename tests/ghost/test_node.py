from pathlib import Path

import pytest

from demo.tiny.registry import TinyRegistry
from demo.tiny.versions import tarball
from release.ghost.cache import host_platform
from release.ghost.errors import NodeUnavailable, RegistryUnreachable
from release.ghost.node import major_of_stack, node_for
from release.ghost.npm import Npm, RegistryWithPassword, registry_of_user, without_password
from release.ghost.process import Command, ask

PACKAGE = "-".join(["node", *host_platform().split("-")[:2]])


def publish_node(registry: TinyRegistry, version: str) -> None:
    first, second, third = version.split(".")
    header = (
        f"#define NODE_MAJOR_VERSION {first}\n#define NODE_MINOR_VERSION {second}\n"
        f"#define NODE_PATCH_VERSION {third}\n#define NODE_MODULE_VERSION 108\n"
    )
    files = {
        "package.json": f'{{"name": "{PACKAGE}", "version": "{version}"}}'.encode(),
        "LICENSE": b"",
        "bin/node": f"#!/bin/sh\necho v{version}\n".encode(),
        "include/node/node_version.h": header.encode(),
    }
    registry.publish({"name": PACKAGE, "version": version}, tarball(files))


@pytest.mark.parametrize(
    ("stack", "major"),
    [("NODE|22-lts", 22), ("node|20.11", 20), ("NODE|~24", 24), ("PYTHON|3.12", None), ("", None)],
)
def test_the_slots_stack_tells_its_major(stack: str, major: int | None) -> None:
    assert major_of_stack(stack) == major


async def test_the_carried_node_is_used_where_it_will_do(npm: Npm, registry: TinyRegistry) -> None:
    node = await node_for(npm, "^22.13.1 || ^24.0.0", 24)
    assert node.program.is_file()
    assert registry.asked == []


async def test_another_node_is_fetched_once_and_then_found(npm: Npm, registry: TinyRegistry) -> None:
    for version in ("18.12.0", "18.20.1", "20.1.0"):
        publish_node(registry, version)

    node = await node_for(npm, "^18.12.1 || ^20", 18)
    again = await node_for(npm, "^18.12.1 || ^20", 18)

    assert node == again
    assert (node.version, node.abi) == ("18.20.1", "108")
    assert registry.downloads(PACKAGE) == 1
    assert sorted(path.name for path in Path(node.prefix).iterdir()) == ["LICENSE", "bin", "include"]


async def test_a_node_that_nobody_publishes_is_an_error(npm: Npm) -> None:
    with pytest.raises(NodeUnavailable):
        await node_for(npm, "^18.12.1", 18)


async def test_children_see_nothing_of_the_bots_environment(
    npm: Npm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GHOSTBOT_SLACK_BOT_TOKEN", "not-for-children")
    monkeypatch.setenv("npm_config__authToken", "not-for-children")
    words: list[str | Path] = [npm.carried.node, "-p", "JSON.stringify(process.env)"]
    told = await ask(Command("env", words, tmp_path, npm.environment(), tmp_path / "log", 30))
    assert b"not-for-children" not in told
    assert str(npm.cache.folder / "home").encode() in told


async def test_the_registry_of_the_calling_user_is_carried_over(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text("registry=http://localhost:4873/\nnoproxy=example.com\n_auth=c2VjcmV0\n")
    registry = await registry_of_user({"HOME": str(tmp_path), "PATH": ""})
    assert registry.url == "http://localhost:4873/"
    assert registry.noproxy == "example.com"
    assert "c2VjcmV0" not in repr(registry)


async def test_an_empty_home_is_enough(tmp_path: Path) -> None:
    assert (await registry_of_user({"HOME": str(tmp_path), "PATH": ""})).url


async def test_a_npm_of_the_system_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "npm"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    (tmp_path / ".npmrc").write_text("registry=http://localhost:4873/\n")
    registry = await registry_of_user({"HOME": str(tmp_path), "PATH": str(tmp_path)})
    assert registry.url == "http://localhost:4873/"


async def test_the_question_for_the_registry_is_asked_without_the_bots_secrets(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    spy = tmp_path / "npm"
    spy.write_text(f"#!/bin/sh\n/usr/bin/env > {seen}\necho registry = http://localhost:4873/\n")
    spy.chmod(0o755)
    secrets = {"GHOSTBOT_SLACK__BOT_TOKEN": "not-for-npm", "AZURE_CLIENT_SECRET": "not-for-npm"}
    registry = await registry_of_user({"HOME": str(tmp_path), "PATH": str(tmp_path), **secrets})
    assert registry.url == "http://localhost:4873/"
    assert "HOME=" in seen.read_text()
    assert "not-for-npm" not in seen.read_text()


async def test_a_registry_with_a_password_in_its_address_is_refused_without_telling_it(
    tmp_path: Path,
) -> None:
    (tmp_path / ".npmrc").write_text("registry=http://ann:rosebud@localhost:4873/\n")
    with pytest.raises(RegistryUnreachable, match="a password in its address") as by_npm:
        await registry_of_user({"HOME": str(tmp_path), "PATH": ""})
    with pytest.raises(RegistryWithPassword, match="localhost") as by_setting:
        without_password("http://ann:rosebud@localhost:4873/")
    assert without_password("http://localhost:4873/@ghost") == "http://localhost:4873/@ghost"
    for caught in (by_npm.value, by_setting.value):
        assert "rosebud" not in f"{caught} {caught.advice}"


async def test_a_ghost_and_its_migrator_hear_nothing_of_the_way_to_the_registry(npm: Npm) -> None:
    assert {name for name in npm.surroundings() if name.startswith("npm_")} == set()
    assert "npm_config_registry" in npm.environment()
