"""Settings that a swap would move into production, or keep from it: named by comparing the slots, without values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ReleaseError
from release.preflight import PreflightFailed, preflight_swap, preflight_upgrade
from release.site import PRODUCTION
from release.slot_settings import (
    AddressWouldMove,
    DatabaseWouldMove,
    Meaning,
    PackageWouldStay,
    Stored,
    compare_settings,
    database_named_by,
    found_in,
    meaning_of,
    names_another_database,
)
from sandbox.appservice.records import ConnectionString
from tests.release.conftest import Cloud
from tests.release.test_staging import TARGET

AZURE_SQL = "Server=tcp:sql.example,1433;Initial Catalog={0};User Id=app;Password={1};"


def connect(cloud: Cloud, slot: str, name: str, value: str, kind: str = "SQLAzure") -> None:
    cloud.service.cloud.sites["blog"].slots[slot].record.connection_strings[name] = ConnectionString(
        value, kind
    )


def sticky(cloud: Cloud, *names: str, strings: tuple[str, ...] = ()) -> None:
    record = cloud.service.cloud.sites["blog"].record
    record.sticky_settings = ["url", "slot", *names]
    record.sticky_connection_strings = list(strings)


async def test_slots_that_agree_or_keep_their_own_have_nothing_to_tell(laid_out: Cloud) -> None:
    sticky(laid_out, "PUBLIC_URL", strings=("Main",))
    laid_out.settings(PRODUCTION)["public_url"] = "https://blog.example"
    laid_out.settings("staging")["public_url"] = laid_out.address("staging")
    connect(laid_out, PRODUCTION, "Main", AZURE_SQL.format("live", "a"))
    connect(laid_out, "staging", "Main", AZURE_SQL.format("trial", "b"))
    found = await compare_settings(laid_out.site)
    assert (found.problems, found.warnings) == ((), ())


async def test_a_database_that_would_move_stops_the_release_before_anything(laid_out: Cloud) -> None:
    connect(laid_out, PRODUCTION, "Main", AZURE_SQL.format("live", "rosebud1"))
    connect(laid_out, "staging", "Main", AZURE_SQL.format("trial", "rosebud2"))
    with pytest.raises(DatabaseWouldMove) as caught:
        await preflight_swap(laid_out.site)
    assert "Main of blog names another database on staging" in str(caught.value)
    assert "--slot-settings Main=" in caught.value.advice
    sticky(laid_out, strings=("Main",))
    assert (await preflight_swap(laid_out.site)).warnings == ()


async def test_all_that_would_break_production_is_named_at_once_and_no_value(laid_out: Cloud) -> None:
    here, there = laid_out.settings(PRODUCTION), laid_out.settings("staging")
    here |= {
        "API_ORIGIN": "https://blog.example/rosebud",
        "DB_HOST": "db1-rosebud",
        "DB_PASSWORD": "rosebud3",
    }
    there |= {
        "API_ORIGIN": laid_out.address("staging") + "/rosebud",
        "DB_HOST": "db2-rosebud",
        "DB_PASSWORD": "rosebud4",
    }
    here["WEBSITE_RUN_FROM_PACKAGE"] = "https://store.example/1.zip?sig=rosebud"
    there["WEBSITE_RUN_FROM_PACKAGE"] = "https://store.example/2.zip?sig=rosebud"
    sticky(laid_out, "WEBSITE_RUN_FROM_PACKAGE")
    with pytest.raises(PreflightFailed) as caught:
        await preflight_upgrade(laid_out.site, TARGET, ())
    told = f"{caught.value} {caught.value.advice}"
    for part in ("API_ORIGIN", "DB_HOST", "WEBSITE_RUN_FROM_PACKAGE", "sticky"):
        assert part in told
    assert "rosebud" not in told
    kinds = {type(one) for one in (await compare_settings(laid_out.site)).problems}
    assert kinds == {AddressWouldMove, DatabaseWouldMove, PackageWouldStay}


async def test_what_only_should_be_known_is_a_warning_of_the_release(laid_out: Cloud) -> None:
    here, there = laid_out.settings(PRODUCTION), laid_out.settings("staging")
    here |= {"CDN_URL": "https://cdn.example/a", "SMTP_HOST": "mail-rosebud", "FEATURE_X": "off-rosebud"}
    there |= {"CDN_URL": "https://cdn.example/b", "SMTP_HOST": "trap-rosebud", "FEATURE_X": "on-rosebud"}
    here |= {"STRIPE_KEY": "rosebud", "WEBSITE_NODE_DEFAULT_VERSION": "~20"}
    there |= {"WEBSITE_NODE_DEFAULT_VERSION": "~22"}
    connect(laid_out, PRODUCTION, "Main", AZURE_SQL.format("live", "rosebud1"))
    connect(laid_out, "staging", "Main", AZURE_SQL.format("live", "rosebud2"))
    sticky(laid_out, "WEBSITE_NODE_DEFAULT_VERSION")
    warnings = (await preflight_upgrade(laid_out.site, TARGET, ())).warnings
    for names, words in (
        ("CDN_URL", "says where a slot is"),
        ("Main", "says how the database is reached"),
        ("SMTP_HOST", "says how mail is sent"),
        ("STRIPE_KEY", "is set in production only"),
        ("FEATURE_X", "go live with the swap"),
        ("WEBSITE_NODE_DEFAULT_VERSION", "belongs to the code"),
    ):
        assert any(names in warning and words in warning for warning in warnings), (names, warnings)
    assert "rosebud" not in "".join(warnings)


async def test_mail_that_the_bot_itself_mutes_is_no_surprise_of_an_upgrade(laid_out: Cloud) -> None:
    laid_out.settings("staging")["mail__options__host"] = "127.0.0.1"
    assert (await preflight_upgrade(laid_out.site, TARGET, ())).warnings == ()
    (told,) = (await preflight_swap(laid_out.site)).warnings
    assert told.startswith("mail__options__host says how mail is sent")


@pytest.mark.parametrize(
    ("name", "here", "there", "kind", "another"),
    [
        ("Main", "Server=a;Database=x;Password=1", "Server=a;Database=x;Password=2", "SQLServer", False),
        ("Main", "Server=a;Database=x", "Data Source=a;Initial Catalog=x", "SQLServer", False),
        ("Main", "Server=a;Database=x", "Server=b;Database=x", "MySql", True),
        ("Main", "host=a dbname=x password=1", "host=a dbname=y password=1", "PostgreSQL", True),
        ("DATABASE_URL", "postgres://u:p@a/x", "postgres://u:q@a/x", "", False),
        ("DATABASE_URL", "postgres://u:p@a/x", "postgresql+psycopg://u:p@a/y", "", True),
        ("DATABASE_URL", "mysql://a:3306/x", "mysql://b:3306/x", "", True),
        ("DATABASE_URL", "sqlite:///a.db", "sqlite:///b.db", "", False),
        ("database__connection__filename", "content/data/a.db", "content/data/b.db", "", False),
        ("database__connection__database", "ghost", "ghost_staging", "", True),
        ("database__connection__user", "ghost", "ghost_staging", "", False),
        ("DB_NAME", "live", "trial", "", True),
        ("DB_NAME", "@Microsoft.KeyVault(a)", "@Microsoft.KeyVault(b)", "", False),
        ("DB_POOL_SIZE", "5", "10", "", False),
        ("DisplayName", "Blog", "Blog (staging)", "", False),
    ],
)
def test_another_database_is_told_from_another_password(
    name: str, here: str, there: str, kind: str, another: bool
) -> None:
    assert names_another_database(Stored(name, here, there, sticky=False, kind=kind)) is another


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("mail__options__auth__pass", "x", Meaning.MAIL),
        ("SENDGRID_API_KEY", "x", Meaning.MAIL),
        ("PublicBaseUrl", "x", Meaning.ADDRESS),
        ("HOMEPAGE", "https://blog.example", Meaning.ADDRESS),
        ("COLOUR", "blue", Meaning.OTHER),
        ("REPORTS", "postgres://u:p@a/x", Meaning.DATABASE),
    ],
)
def test_a_setting_tells_what_it_is_about(name: str, value: str, meaning: Meaning) -> None:
    assert meaning_of(Stored(name, value, "y", sticky=False)) is meaning


def test_many_names_make_one_short_sentence() -> None:
    stored = [Stored(f"FEATURE_{n}", "a", "b", sticky=False) for n in range(30)]
    (told,) = found_in("blog", stored, "blog-staging.example").warnings
    assert "and 22 more" in told


VALUES = st.text(min_size=9).map(lambda text: f"rosebud{text}") | st.sampled_from(
    ["Server=rosebud;Database=rosebud", "postgres://rosebud:rosebud@rosebud/rosebud", "https://rosebud"]
)


@given(
    st.text(min_size=1, max_size=30).filter(lambda name: "rosebud" not in name),
    VALUES,
    VALUES,
    st.booleans(),
    st.sampled_from(["", "MySql", "SQLAzure", "Custom"]),
)
def test_no_value_is_ever_part_of_what_is_said(
    name: str, here: str, there: str, kept: bool, kind: str
) -> None:
    one = Stored(name, here, there, kept, kind)
    found = found_in("blog", [one], "blog-staging.example")
    told = [*found.warnings, *(f"{error}{error.advice}{error.args}" for error in found.problems), repr(one)]
    assert "rosebud" not in "".join(told)
    assert all(isinstance(error, ReleaseError) for error in found.problems)


@given(st.text())
def test_any_value_is_taken_apart_or_left(value: str) -> None:
    found = database_named_by(value)
    assert found is None or len(found) == 2
