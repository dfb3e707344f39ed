import asyncio

import pytest

from demo.tiny.registry import TinyRegistry
from demo.tiny.versions import VERSIONS
from release.ghost.errors import RegistryUnreachable, UnknownVersion
from release.ghost.npm import Npm
from release.ghost.releases import Releases, published
from release.version import Version


async def test_every_published_version_is_listed_in_order(npm: Npm, registry: TinyRegistry) -> None:
    registry.publish({"name": "ghost", "version": "5.9.0", "engines": {"node": "^16"}}, b"")

    found = await published(npm)

    assert [str(release.version) for release in found] == ["5.9.0", *(one.version for one in VERSIONS)]
    assert found[0].node == "^16"


async def test_the_list_is_remembered_for_a_while(npm: Npm, registry: TinyRegistry) -> None:
    releases = Releases(npm)
    assert str((await releases.newest()).version) == "6.4.0"
    asked = len(registry.asked)
    await releases.find(Version.parse("6.0.0"))
    assert len(registry.asked) == asked


async def test_many_who_ask_at_once_are_answered_by_one_look(npm: Npm, registry: TinyRegistry) -> None:
    await Releases(npm).newest()
    once = len(registry.asked)
    releases = Releases(npm)
    found = await asyncio.gather(*(releases.newest() for _ in range(5)))
    assert {str(release.version) for release in found} == {"6.4.0"}
    assert len(registry.asked) == 2 * once


async def test_an_unknown_version_names_its_neighbours(npm: Npm) -> None:
    with pytest.raises(UnknownVersion) as failure:
        await Releases(npm).find(Version.parse("5.130.7"))
    assert "5.130.6" in failure.value.advice
    assert "5.131.0" in failure.value.advice


async def test_a_version_published_a_minute_ago_is_found(npm: Npm, registry: TinyRegistry) -> None:
    releases = Releases(npm)
    await releases.all()
    registry.publish({"name": "ghost", "version": "6.5.0", "engines": {"node": "^24"}}, b"")
    assert (await releases.find(Version.parse("6.5.0"))).node == "^24"


async def test_a_registry_that_is_gone_is_told_as_such(npm: Npm, registry: TinyRegistry) -> None:
    await registry.close()
    with pytest.raises(RegistryUnreachable):
        await published(npm)
