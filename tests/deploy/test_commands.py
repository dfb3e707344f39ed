"""How a migration's command is run: what it gets, what it may know, what is heard of it, and how it ends."""

import asyncio
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from release.migrations.command import Bench
from release.migrations.config import DatabaseKind, HandOver, MigrationConfig
from release.migrations.connection import connection
from release.migrations.errors import (
    CommandMissing,
    ConnectionStringUnreadable,
    MigrationCommandFailed,
    MigrationTooSlow,
)

PASSWORD = "s3cr3t/pass word"
URL = "postgres://ann:s3cr3t%2Fpass%20word@db.example.com:5433/shop?sslmode=require"
ADO = f"Server=tcp:db.example.com,1433;Initial Catalog=shop;User ID=ann;Password='{PASSWORD}'"


@pytest.mark.parametrize(
    ("text", "told", "kind", "parts"),
    [
        (URL, "", DatabaseKind.POSTGRESQL, ("db.example.com", "5433", "ann", PASSWORD, "shop", "require")),
        (ADO, "SQLAzure", DatabaseKind.SQLSERVER, ("db.example.com", "1433", "ann", PASSWORD, "shop", "")),
        (ADO, "Custom", DatabaseKind.SQLSERVER, ("db.example.com", "1433", "ann", PASSWORD, "shop", "")),
        (
            "Host=db;Database=shop;Username=ann;Password=a;Ssl Mode=Verify-Full",
            "Custom",
            DatabaseKind.POSTGRESQL,
            ("db", "", "ann", "a", "shop", "verifyfull"),
        ),
        (
            'Server=db;Port=3307;Uid=ann;Pwd="a;""b";Database=shop',
            "MySql",
            DatabaseKind.MYSQL,
            ("db", "3307", "ann", 'a;"b', "shop", ""),
        ),
        (
            "host=db dbname=shop user=ann password=a",
            "PostgreSQL",
            DatabaseKind.POSTGRESQL,
            ("db", "", "ann", "a", "shop", ""),
        ),
        ("mysql+pymysql://ann:a@db/shop", "", DatabaseKind.MYSQL, ("db", "", "ann", "a", "shop", "")),
        ("anything at all", "", DatabaseKind.OTHER, ("", "", "", "", "", "")),
    ],
)
def test_connection_strings_are_taken_apart(
    text: str, told: str, kind: DatabaseKind, parts: tuple[str, ...]
) -> None:
    found = connection(text, told)
    assert (found.kind, (found.host, found.port, found.user, found.password, found.database, found.ssl)) == (
        kind,
        parts,
    )
    assert connection(text, told, DatabaseKind.OTHER).kind is DatabaseKind.OTHER
    assert text not in repr(found)


def test_a_string_is_handed_over_in_the_form_that_the_tool_wants() -> None:
    found = connection(ADO)
    form = "sqlserver://{user}:{password}@{host}:{port}/{database}"
    assert found.as_format(form, "Shop") == "sqlserver://ann:s3cr3t%2Fpass%20word@db.example.com:1433/shop"
    assert found.as_format("{user}|{password}", "Shop") == f"ann|{PASSWORD}"
    assert found.as_format("{connection_string}", "Shop") == ADO
    with pytest.raises(ConnectionStringUnreadable, match="host"):
        connection("anything").as_format("{host}", "Shop")


def bench_of(folder: Path, config: MigrationConfig, **files: str) -> Bench:
    bundle = folder / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, text in {"readme": "", **files}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, text)
    return Bench(
        config, connection(URL), folder / "work", bundle, folder / "log" / "r-1.log", "migrations/r-1.log"
    )


CONFIG = MigrationConfig(command=("./go",), connection_string="Shop", seconds=20)


async def heard_by(bench: Bench) -> tuple[list[str], str]:
    told: list[str] = []

    async def tell(text: str) -> None:
        told.append(text)

    await bench.migrate(tell)
    return told, bench.log.read_text()


@pytest.mark.parametrize(
    ("change", "script"),
    [
        ({"hand_over": HandOver.ENVIRONMENT, "variable": "DB"}, 'got="$DB"'),
        (
            {"hand_over": HandOver.ARGUMENT, "command": ("./go", "--to={connection_string}")},
            'got="${1#--to=}"',
        ),
        ({"hand_over": HandOver.INPUT}, "read -r got"),
        ({"hand_over": HandOver.FILE, "variable": "DB_FILE"}, 'got="$(cat "$DB_FILE")"'),
        ({"hand_over": HandOver.FILE, "command": ("./go", "{file}")}, 'got="$(cat "$1")"'),
    ],
)
async def test_it_gets_the_string_in_each_of_the_ways_and_no_word_of_it_is_kept(
    tmp_path: Path, change: dict[str, object], script: str
) -> None:
    go = f'#!/bin/sh\n{script}\n[ "$got" = "{URL}" ] || exit 9\necho "migrating $got"; env\n'
    bench = bench_of(tmp_path, replace(CONFIG, **change), go=go)  # type: ignore[arg-type]  # several types
    told, log = await heard_by(bench)
    assert "migrating [hidden]" in log
    assert told
    for text in (*told, log):
        assert "s3cr3t" not in text
    assert not (tmp_path / "work" / "migration").exists()


async def test_its_folder_home_and_environment_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-1")
    config = replace(CONFIG, environment={"DOTNET_NOLOGO": "1"})
    _, log = await heard_by(bench_of(tmp_path, config, go="#!/bin/sh\nenv; pwd; ls\n"))
    assert "xoxb-1" not in log
    assert "DOTNET_NOLOGO=1" in log
    assert "/work/migration/home\n" in log
    assert "/work/migration/bundle\ngo\nreadme\n" in log
    names = {line.partition("=")[0] for line in log.splitlines() if "=" in line}
    assert names <= {
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "HOME",
        "TMPDIR",
        "DATABASE_URL",
        "PGAPPNAME",
        "DOTNET_NOLOGO",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    }


async def test_a_failure_has_its_last_words_and_a_missing_program_its_name(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, CONFIG, go="#!/bin/sh\necho one; echo two >&2; exit 3\n")
    with pytest.raises(MigrationCommandFailed, match="exit code 3") as caught:
        await heard_by(bench)
    assert "one\ntwo" in str(caught.value)
    assert "migrations/r-1.log" in caught.value.advice
    with pytest.raises(CommandMissing, match="no-such-tool"):
        await heard_by(bench_of(tmp_path, replace(CONFIG, command=("no-such-tool", "up"))))


async def test_it_is_ended_in_time_with_all_that_it_has_started(tmp_path: Path) -> None:
    script = "#!/bin/sh\necho $$ > ../../pids; sleep 4720 & echo $! >> ../../pids; echo waiting; sleep 4721\n"
    bench = bench_of(tmp_path, replace(CONFIG, seconds=1), go=script)
    with pytest.raises(MigrationTooSlow, match="waiting"):
        await heard_by(bench)
    for pid in (tmp_path / "work" / "pids").read_text().split():
        assert not alive(int(pid))


async def test_one_that_talks_without_end_costs_no_memory_and_is_told_by_its_last_line(
    tmp_path: Path,
) -> None:
    script = "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x; seq 1 100000; echo the end\n"
    told, log = await heard_by(bench_of(tmp_path, CONFIG, go=script))
    assert told[-1] == "the end"
    assert max(map(len, told)) <= 300
    assert log.endswith("the end\n")


async def test_a_secret_is_hidden_wherever_a_long_line_is_cut(tmp_path: Path) -> None:
    script = "#!/bin/sh\nfor n in $(seq 1 3000); do printf '%s.' \"$DATABASE_URL\"; done; echo\n"
    told, log = await heard_by(bench_of(tmp_path, CONFIG, go=script))
    for text in (*told, log):
        assert "cr3t" not in text
        assert "s3c" not in text
    assert log.replace("\n", "").count("[hidden]") == 3000


async def test_what_is_pending_is_what_the_pattern_finds(tmp_path: Path) -> None:
    config = replace(CONFIG, pending=("./list",), pending_pattern=r"^\[ \] (.*)")
    script = "#!/bin/sh\necho '[X] 001'; echo '[ ] 002 a column'; echo '[ ] 003'; echo; echo 'Pending: 2'\n"
    bench = bench_of(tmp_path, config, list=script)
    assert await bench.pending(quietly) == ("002 a column", "003")
    assert await bench_of(tmp_path, CONFIG).pending(quietly) is None
    nothing = replace(config, pending_pattern=r"\S")
    assert await bench_of(tmp_path, nothing, list="#!/bin/sh\necho\n").pending(quietly) == ()


async def test_the_down_command_is_told_how_many(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, replace(CONFIG, down=("sh", "-c", "echo down {count}")))
    await bench.migrate_down(3, quietly)
    await bench.migrate_down(None, quietly)
    assert bench.log.read_text() == "down 3\ndown 1\n"


async def test_cancelled_it_is_gone(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, CONFIG, go="#!/bin/sh\necho $$ > ../../pids; exec sleep 4722\n")
    task = asyncio.create_task(bench.migrate(quietly))
    pids = tmp_path / "work" / "pids"
    async with asyncio.timeout(30):
        while not pids.exists() or not pids.read_text().strip():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)
    pid = int(pids.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)


def alive(pid: int) -> bool:
    """One that has ended and waits for whoever adopted it is not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def quietly(_text: str) -> None:
    """Progress nobody reads here."""
