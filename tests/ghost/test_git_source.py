"""A form of Ghost from a git repository: which versions it has, what is fetched, and what may go wrong."""

import json
import os
from pathlib import Path

import pytest

from demo.tiny.registry import TinyRegistry
from demo.tiny.seed import seed
from demo.tiny.versions import FAILING_MIGRATION
from release.errors import ReleaseError
from release.ghost.build import build
from release.ghost.errors import UnknownVersion
from release.ghost.git import FromGit, GitMissing, RepositoryUnreachable, protocol_of
from release.ghost.migrate import migrate_copy
from release.ghost.npm import Npm
from release.ghost.recipe import Recipe
from release.ghost.releases import Releases
from release.version import Version
from tests.forks import a_fork, git

NEW = Version.parse("6.4.0")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    return a_fork(tmp_path_factory.mktemp("git") / "fork", ("5.118.1", FAILING_MIGRATION, "6.4.0"))


def source_of(repository: str, tags: str = "v*") -> FromGit:
    return FromGit(repository, tags, "server.js", ("node", "db.js"))


async def test_only_tags_of_the_pattern_with_a_version_are_releases(repository: str, npm: Npm) -> None:
    published = Releases(npm).of(source_of(repository))
    assert [str(one.version) for one in await published.all()] == ["5.118.1", FAILING_MIGRATION, "6.4.0"]
    newest = await published.newest()
    assert (newest.version, newest.node) == (NEW, "^22.13.1 || ^24.0.0")
    with pytest.raises(UnknownVersion, match=r"6\.8\.0"):
        await published.find(Version.parse("6.8.0"))
    others = Releases(npm).of(source_of(repository, "release/v*"))
    assert [str(one.version) for one in await others.all()] == ["6.9.0"]


async def test_a_tag_that_is_new_is_found_at_once(tmp_path: Path, npm: Npm) -> None:
    repository = a_fork(tmp_path / "fork", ("5.118.1",))
    published = Releases(npm).of(source_of(repository))
    assert len(await published.all()) == 1
    git(tmp_path / "fork", "tag", "v5.118.2")
    assert (await published.find(Version.parse("5.118.2"))).version == Version.parse("5.118.2")


async def test_a_fork_is_built_with_its_own_lock_file_server_and_layout(
    repository: str, registry: TinyRegistry, npm: Npm
) -> None:
    package = await build(NEW, 24, npm, lambda _: None, Recipe(source_of(repository)))
    site = Path(package.folder)
    assert (site / "web.config").is_file()
    assert (site / "node_modules" / "knex-migrator").is_dir()
    assert "require('./server.js')" in (site / "app-service.js").read_text()
    assert json.loads((site / "package.json").read_text())["version"] == "6.4.0"
    assert not (site / ".git").exists()
    again = await build(NEW, 24, npm, lambda _: None, Recipe(source_of(repository)))
    assert (again.from_cache, again.digest) == (True, package.digest)
    usual = await build(NEW, 24, npm, lambda _: None)
    assert usual.digest != package.digest
    assert registry.downloads("ghost") == 1


async def test_a_script_that_never_fails_is_seen_through(
    repository: str, registry: TinyRegistry, npm: Npm, tmp_path: Path
) -> None:
    backup = Path(seed(tmp_path / "wwwroot", "5.118.1").database)
    recipe = Recipe(source_of(repository))
    good = await build(NEW, 24, npm, lambda _: None, recipe)
    assert (await migrate_copy(good, backup, tmp_path / "work", npm)).report.to_version == "6.4"
    bad = await build(Version.parse(FAILING_MIGRATION), 24, npm, lambda _: None, recipe)
    with pytest.raises(ReleaseError, match=r"lock|5\.131"):
        await migrate_copy(bad, backup, tmp_path / "work", npm)


async def test_a_repository_that_cannot_be_read_is_said_in_words(tmp_path: Path, npm: Npm) -> None:
    with pytest.raises(RepositoryUnreachable, match=r"not a git repository|does not exist|does not appear"):
        await source_of(f"file://{tmp_path}/nowhere").tags(npm)


async def test_git_speaks_only_the_protocol_of_the_address(tmp_path: Path, npm: Npm) -> None:
    """A helper such as ext:: runs any command that the address names."""
    assert [protocol_of(one) for one in ("https://a/b", "ssh://git@a/b", "git@a:b", "file:///a")] == [
        "https",
        "ssh",
        "ssh",
        "file",
    ]
    trace = tmp_path / "ran"
    with pytest.raises(RepositoryUnreachable, match="ext"):
        await source_of(f"ext::sh -c touch% {trace}").tags(npm)
    assert not trace.exists()
    without_git = FromGit("https://example.com/fork", "v*", "server.js", (), programs=os.devnull)
    with pytest.raises(GitMissing):
        await without_git.tags(npm)
