"""What a site is made of is said in its settings; what does not go together stops the start."""

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsWrong, read_settings
from release.deployments.built import BuiltOnServer
from release.deployments.image import Image
from release.deployments.run_from_package import RunFromPackage
from release.ghost.git import FromGit
from release.ghost.platforms import WINDOWS
from release.runtimes import OfTheImage, WindowsNode
from release.shape import Shape

EXAMPLE = Path(__file__).parents[2] / "ghostbot.example.toml"


def settings_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: str) -> Settings:
    monkeypatch.setenv("GHOSTBOT_SECRETS", "no-such-folder")
    monkeypatch.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("GHOSTBOT_SLACK__APP_TOKEN", "xapp-1")
    monkeypatch.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    config = tmp_path / "ghostbot.toml"
    config.write_text(f'{EXAMPLE.read_text()}\n[sites.other]\nresource_group = "g"\n{table}\n')
    return read_settings(config)


def test_a_site_is_deployed_and_built_as_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def shape(table: str) -> Shape:
        return settings_with(monkeypatch, tmp_path, table).sites["other"].shape()

    assert isinstance(shape('package = "built on the server"').deployment, BuiltOnServer)
    assert isinstance(shape('package = "run from package"').deployment, RunFromPackage)
    boxed = shape('package = "image"\nimage = "registry.example.com:5000/team/blog:{version}-alpine"')
    assert (type(boxed.deployment), type(boxed.runtime)) == (Image, OfTheImage)
    windows = shape('system = "windows"\npackage = "built on the server"')
    assert (windows.recipe.platform, type(windows.runtime)) == (WINDOWS, WindowsNode)
    assert not windows.recipe.packing.whole
    fork = shape(
        '[sites.other.source]\nrepository = "git@github.com:us/ghost.git"\nmigrate = ["node", "db.js"]'
    )
    assert isinstance(fork.recipe.source, FromGit)
    assert fork.recipe.source.migrate == ("node", "db.js")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("swap_doubt_seconds = 900", "shorter than swap_seconds"),
        ('package = "image"', "go together"),
        ('image = "registry.example.com/blog:{version}"', "go together"),
        ('package = "image"\nimage = "registry.example.com/blog:latest"', "its version in the tag"),
        ('package = "image"\nimage = "registry.example.com/blog:{version} --help"', "its version in the tag"),
        ('system = "windows"\npackage = "image"\nimage = "a.b/c:{version}"', "on Linux only"),
        ('[sites.other.source]\ntags = "release-*"', "need a repository"),
        ('[sites.other.source]\nrepository = "https://ann:rosebud@example.com/ghost"', "without a password"),
        ('[sites.other.source]\nrepository = "--upload-pack=touch /tmp/x"', "without a password"),
        ('[sites.other.source]\nrepository = "ext::sh -c id"', "without a password"),
        (
            '[sites.other.source]\nrepository = "https://example.com/g"\ntags = "v1"',
            "one \\* for the version",
        ),
        ('[sites.other.source]\nrepository = "https://example.com/g"\nserver = "../x.js"', "server"),
    ],
)
def test_what_does_not_go_together_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: str, told: str
) -> None:
    with pytest.raises(SettingsWrong, match=told) as wrong:
        settings_with(monkeypatch, tmp_path, table)
    assert "rosebud" not in str(wrong.value)
