"""Themes, looked at by the checker that a Ghost brings."""

import shutil
from pathlib import Path

import pytest

from demo.tiny.seed import Seeded
from release.ghost.build import StopBuilt, build_stop
from release.ghost.errors import CommandFailed
from release.ghost.npm import Npm
from release.ghost.theme import check_theme, gscan_of
from release.model import Stop, ThemeChecked


async def ghost(npm: Npm) -> StopBuilt:
    return await build_stop(Stop("6.4.0", ">=20"), npm, lambda _: None)


def theme_of(blog: Seeded) -> Path:
    return Path(blog.wwwroot) / "content" / "themes" / blog.theme


async def test_a_theme_that_is_well_is_passed_without_a_word(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    found = await check_theme(await ghost(warm), "harbour", theme_of(blog), tmp_path, warm)
    assert found == ThemeChecked("harbour", "5.0.0")
    assert not list((tmp_path / "work").iterdir())


async def test_what_is_fatal_refuses_and_the_rest_warns(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    theme = theme_of(blog)
    (theme / "index.hbs").rename(theme / "front.hbs")
    for number in range(7):
        (theme / f"page-{number}.hbs").write_text("{{#if @labs.members}}{{/if}}")
    found = await check_theme(await ghost(warm), "harbour", theme, tmp_path, warm)
    (refused,) = found.refused
    assert refused == "A template file called index.hbs must be present (GS020-INDEX-REQ) in index.hbs"
    (warning,) = found.warnings
    assert "The {{@labs}} helper should not be used (GS001-DEPR-LABS) in page-0.hbs" in warning
    assert warning.endswith("and 2 more")


async def test_a_checker_that_fails_is_no_verdict_and_a_ghost_may_have_none(
    npm: Npm, blog: Seeded, tmp_path: Path
) -> None:
    built = await ghost(npm)
    with pytest.raises(CommandFailed, match="checking the theme harbour"):
        await check_theme(built, "harbour", tmp_path / "nowhere", tmp_path, npm)
    shutil.rmtree(Path(built.folder) / "node_modules" / "gscan")
    assert gscan_of(built) is None
