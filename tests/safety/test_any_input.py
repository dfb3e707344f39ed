"""Whatever comes in ends as a value or as an error a person can read: no traceback, no path, no address."""

import asyncio
import json
import re
import string
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.door import words_of
from bot.settings import Settings, SettingsWrong, misspelt, read_settings
from commands import COMMANDS, find
from commands.command import UsageError, Words, known_site
from release.azure.kudu import Kudu
from release.azure.sign_in import SignIn
from release.errors import ReleaseError
from release.ghost.build import read_package, wanted_node, wanted_pnpm
from release.ghost.driver import driver_of
from release.model import BackupTaken
from release.records import open_records
from release.releases import Releases
from release.safe_json import RefusedRow, SafeJson
from release.version import NotAVersion, Version, npm_range
from tests.bot.stand_ins import Engine, StandInGhosts, StandInSite

WORDS = st.text(max_size=40) | st.sampled_from(
    [
        "6.65.0",
        "v6.65.0",
        "6.65.0;reboot",
        "6.65.0/../../etc",
        "6.65.0\n",
        "$(reboot)",
        "`id`",
        "../../etc/passwd",
        "http://169.254.169.254/metadata",
        "<http://169.254.169.254|blog>",
        "blog;id",
        "blog%2F..",
        "--registry=http://evil",
        "\u0666.\u0666\u0665.\u0660",
        "6.65.0\u0000",
        "ghost@npm:evil@1.0.0",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["name", "size", "mtime", "mime", "id", "status", "runs", "complete", "start_time",
                         "received_time", "status_text", "Message", "!error", "!value", "fields", "args"])
        | st.text(max_size=8),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
RELAXED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# -- words from Slack -----------------------------------------------------------------------------


@given(WORDS)
@RELAXED
def test_a_version_is_three_plain_numbers_or_none(text: str) -> None:
    with suppress(NotAVersion):
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", str(Version.parse(text)), re.ASCII)


@given(st.lists(WORDS, max_size=4).map(" ".join))
@RELAXED
def test_a_command_hands_on_only_versions_and_single_words(text: str) -> None:
    name, *rest = words_of(text) or ["help"]
    for command in [one for one in (find(name), *COMMANDS) if one]:
        with suppress(UsageError):
            for field, value in vars(command.parse(Words(tuple(rest)))).items():
                if isinstance(value, str):
                    assert not any(letter.isspace() for letter in value)
                if field == "version" and value is not None:
                    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", value, re.ASCII)


@given(WORDS)
@RELAXED
def test_a_site_is_one_of_the_configured_or_refused(text: str) -> None:
    with suppress(UsageError, ReleaseError):
        assert known_site(text, ("blog", "shop")) in {"blog", "shop"}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    with closing(open_records(f"sqlite:///{tmp_path_factory.mktemp('any')}/records.db")) as records:
        sites = {name: StandInSite(name, "6.40.0", "6.39.0") for name in ("blog", "shop")}
        ghosts = StandInGhosts("6.39.0", "6.40.0")  # nothing newer: no release begins
        yield Releases(sites, records, ghosts, Engine(records).start)


@given(site=WORDS, version=WORDS)
@RELAXED
def test_the_entry_points_of_release_take_only_known_sites_and_versions(
    releases: Releases, site: str, version: str
) -> None:
    assume(site not in {"blog", "shop"})
    wishes: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: releases.upgrade(site, "6.40.0", "U1", "C1"),
        lambda: releases.upgrade("blog", version, "U1", "C1"),
        lambda: releases.back_up(site, "U1", "C1"),
        lambda: releases.swap(site, "U1", "C1"),
        lambda: releases.roll_back(site, "U1", "C1"),
        lambda: releases.cancel(site, "U1"),
        lambda: releases.history(site),
        lambda: releases.status(site),
    )

    async def all_are_refused() -> None:
        for wish in wishes:
            with pytest.raises(ReleaseError):
                await wish()
        assert await releases.records.history(None) == ()

    asyncio.run(all_are_refused())


# -- settings -------------------------------------------------------------------------------------

SECRET = "rosebud0123"
NAMES = st.sampled_from(
    [
        "SLACK__BOT_TOKEN",
        "SLACK__MODE",
        "SLACK__PORT",
        "SLACK__BOT_TOKN",
        "SLACK",
        "AZURE__SUBSCRIPTION",
        "AZURE__POLLING_SECONDS",
        "ROLES__APPROVERS",
        "SITES",
        "SITES__BLOG__ADMIN_KEY",
        "SITES__BLOG__APPROVAL_HOURS",
        "SITES__../x__RESOURCE_GROUP",
        "DATABASE_URL",
        "DATA_FOLDER",
        "LOG_LEVEL",
        "NPM_REGISTRY",
        "LOOK_FOR_VERSIONS_MINUTES",
    ]
) | st.text(string.ascii_uppercase + "_", min_size=1, max_size=20)
VALUES = st.sampled_from(
    ["", "-1", "1e999", "nan", "{", "[]", "null", '{"a": 1}', '["U1"]', "true", f"a {SECRET}", f'["{SECRET}"]',
     f'{{"blog": {{"resource_group": 7, "admin_key": "{SECRET}"}}}}', f'{{"bot_token": "{SECRET}", "mode": 3}}']
) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)  # fmt: skip


@given(st.dictionaries(NAMES, VALUES, max_size=5))
@RELAXED
def test_odd_settings_are_named_without_their_values(tmp_path: Path, given_: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path)
        for name, value in given_.items():
            environment.setenv(f"GHOSTBOT_{name}", value)
        try:
            assert isinstance(read_settings(), Settings)
        except SettingsWrong as error:
            assert SECRET not in f"{error} {error.advice} {error!r}"  # noqa: PT017 - read_settings may also succeed


@given(
    st.text(st.characters(codec="utf-8"), max_size=200)
    | JSON.map(lambda value: f"slack = {json.dumps(value)}")
)
@RELAXED
def test_an_odd_settings_file_is_named_without_what_it_says(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ghostbot.toml"
    file.write_bytes(f"{text}\nkey = '{SECRET}'\n".encode())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GHOSTBOT_CONFIG", str(file))
        with pytest.raises(SettingsWrong) as caught:
            read_settings(file)
    assert SECRET not in f"{caught.value} {caught.value.advice}"


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=5), max_size=5))
@RELAXED
def test_only_our_own_variables_can_be_misspelt(environment: dict[str, str]) -> None:
    assert all(name.startswith("GHOSTBOT_") for name in misspelt(environment))


# -- Kudu's answers -------------------------------------------------------------------------------


class Answering(httpx.AsyncBaseTransport):
    """An SCM site that answers everything with the same body."""

    def __init__(self, body: bytes, status: int) -> None:
        self._answer = (status, body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        status, body = self._answer
        return httpx.Response(status, content=body, request=request)


async def _token() -> str:
    return "t"


async def ask_everything(body: bytes, status: int) -> None:
    async with httpx.AsyncClient(transport=Answering(body, status)) as http:
        kudu = Kudu("http://scm.invalid", "blog", SignIn(_token), http, 0)
        for question in (
            kudu.list("site/wwwroot"),
            kudu.stat("site/wwwroot/package.json"),
            kudu.latest_deployment(),
            kudu.webjob_exists("BackupDb-Manual"),
            kudu.webjob_runs("BackupDb-Manual"),
            kudu.read("site/wwwroot/package.json"),
            kudu.reachable(),
        ):
            with suppress(ReleaseError):
                await question


@given(JSON, st.sampled_from([200, 202, 400, 404, 500]))
@RELAXED
def test_any_json_of_kudu_is_a_value_or_an_error_of_ours(value: object, status: int) -> None:
    asyncio.run(ask_everything(json.dumps(value).encode(), status))


@given(
    st.binary(max_size=60)
    | st.just(b"[" * 100_000)
    | st.just(b'[{"name":"a","size":1e999,"mtime":"","mime":""}]')
)
@RELAXED
def test_any_bytes_of_kudu_are_a_value_or_an_error_of_ours(body: bytes) -> None:
    asyncio.run(ask_everything(body, 200))


@given(st.text(max_size=30))
@RELAXED
def test_a_listed_name_never_leaves_its_folder(name: str) -> None:
    rows = [{"name": name, "size": 1, "mtime": "", "mime": ""}]

    async def listed() -> None:
        async with httpx.AsyncClient(transport=Answering(json.dumps(rows).encode(), 200)) as http:
            for entry in await Kudu("http://scm.invalid", "blog", SignIn(_token), http, 0).list("site"):
                assert (Path("site") / entry.path).name == entry.path
                assert entry.path not in {"", ".", ".."}

    with suppress(ReleaseError):
        asyncio.run(listed())


# -- a package from npm ---------------------------------------------------------------------------

PACKAGE_JSON = st.dictionaries(
    st.sampled_from(["version", "engines", "dependencies", "optionalDependencies", "scripts", "packageManager"]),
    JSON | st.just("6.4.0") | st.just({"node": ">=18 || weird"}) | st.just({"sqlite3": ["6"]}),
)  # fmt: skip


@given(PACKAGE_JSON.map(json.dumps).map(str.encode) | st.binary(max_size=40) | st.just(b"[" * 100_000))
@RELAXED
def test_any_package_json_is_a_package_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("package")
    (folder / "index.js").touch()
    (folder / "package.json").write_bytes(content)
    with suppress(ReleaseError):
        package = read_package(folder, Version.parse("6.4.0"))
        assert package["version"] == "6.4.0"
        # It becomes a word of a command line, and what it names is installed.
        assert re.fullmatch(r"\d+(\.\d+\.\d+)?", wanted_pnpm(package), re.ASCII)
        assert driver_of(folder) is None
        npm_range(wanted_node(package))


# -- the engine's records -------------------------------------------------------------------------


@given(JSON)
@RELAXED
def test_any_json_in_the_engines_records_is_a_value_or_refused(value: object) -> None:
    """Rows somebody tampered with end as a refusal, and never build anything but our own values."""
    serializer = SafeJson((BackupTaken,))
    try:
        built = serializer.deserialize(json.dumps(value))
    except RefusedRow:
        return
    assert isinstance(built, dict | list | str | int | float | bool | None | BackupTaken | ReleaseError)


@given(st.text(max_size=20), st.lists(st.text(max_size=10), max_size=5))
@RELAXED
def test_an_error_of_any_name_comes_back_as_one_of_ours(name: str, args: list[str]) -> None:
    built = SafeJson(()).deserialize(json.dumps({"!error": name, "args": args}))
    assert isinstance(built, ReleaseError)
    str(built)


@pytest.mark.parametrize(
    "url", ["nonsense", f"mysql://ann:{SECRET}@db/x", f"postgresql://ann:{SECRET}@db:port/x"]
)
def test_a_database_address_that_is_none_is_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GHOSTBOT_DATABASE_URL", url)
    with pytest.raises(SettingsWrong, match="database_url: is not the address") as caught:
        read_settings()
    assert SECRET not in str(caught.value)
