"""Traffic routing left on: cleared by the release itself, once, and told so that it can be set again."""

import pytest

from release.preflight import preflight_upgrade
from release.routing import clear_routing, how_to_set_again, in_words
from release.site import PRODUCTION
from tests.release.conftest import Cloud
from tests.release.test_staging import TARGET

RULES = {"staging": 12.5}


class Kept:
    """What was written down, and what was routed at that moment."""

    def __init__(self, cloud: Cloud) -> None:
        self.rules: list[dict[str, float]] = []
        self._cloud = cloud

    async def keep(self, rules: object) -> None:
        assert isinstance(rules, dict)
        assert await self._cloud.site.app.routed() == rules, "written down before it is cleared"
        self.rules.append(rules)


def routed(cloud: Cloud, share: float = 12.5) -> None:
    rule = {"actionHostName": "x", "reroutePercentage": share, "name": "staging"}
    cloud.service.cloud.sites["blog"].production.record.web["experiments"] = {"rampUpRules": [rule]}


async def test_it_is_cleared_once_and_what_it_was_is_told(laid_out: Cloud) -> None:
    routed(laid_out)
    kept = Kept(laid_out)
    assert await clear_routing(laid_out.site, kept.keep) == "traffic routing cleared (12.5 % to staging)"
    assert await laid_out.site.app.routed() == {}
    assert await clear_routing(laid_out.site, kept.keep) == ""
    assert kept.rules == [RULES]
    assert await laid_out.asked("/config/web", "PATCH") == 1
    web = laid_out.service.cloud.sites["blog"].production.record.web
    assert web["linuxFxVersion"], "nothing else of the configuration was touched"


async def test_a_site_without_routing_is_not_written_to(laid_out: Cloud) -> None:
    routed(laid_out, share=0)
    assert await clear_routing(laid_out.site, Kept(laid_out).keep) == ""
    assert await laid_out.asked("/config/web", "PATCH") == 0


async def test_an_answer_that_is_lost_is_asked_for_again(laid_out: Cloud) -> None:
    routed(laid_out)
    await laid_out.answers(host="arm", method="PATCH", path="/config/web", status=504, after=True)
    await clear_routing(laid_out.site, Kept(laid_out).keep)
    assert await laid_out.site.app.routed() == {}


async def test_it_is_left_alone_during_a_preview(laid_out: Cloud) -> None:
    """Azure refuses to write then; a release that goes on after a crash must not fail of that."""
    routed(laid_out)
    await laid_out.site.app.preview()
    assert await clear_routing(laid_out.site, Kept(laid_out).keep) == ""
    assert await laid_out.site.app.routed() == RULES


async def test_preflight_says_what_will_happen_and_does_nothing_yet(laid_out: Cloud) -> None:
    routed(laid_out)
    (told,) = (await preflight_upgrade(laid_out.site, TARGET, ())).warnings
    assert "12.5 % to staging" in told
    assert "clears it" in told
    assert await laid_out.site.app.routed() == RULES
    assert (await laid_out.site.app.slot(PRODUCTION)).running


@pytest.mark.parametrize(
    ("rules", "words", "command"),
    [
        (RULES, "12.5 % to staging", "--distribution staging=12.5"),
        ({"b": 5.0, "a": 10.0}, "10 % to a, 5 % to b", "--distribution a=10 b=5"),
    ],
)
def test_the_rules_are_told_for_people_and_as_a_command(
    rules: dict[str, float], words: str, command: str
) -> None:
    assert in_words(rules) == words
    told = how_to_set_again("blog-rg", "our-blog", rules)
    assert told == f"az webapp traffic-routing set -g blog-rg -n our-blog {command}"
