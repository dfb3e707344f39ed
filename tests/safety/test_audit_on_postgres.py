"""The same promises on PostgreSQL, where several replicas write at once."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from release.records import Deed, open_records

pytestmark = pytest.mark.postgres


def postgres_programs() -> Path | None:
    """The folder with initdb, newest first: Debian keeps it off PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A PostgreSQL of its own, on a socket only."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL on this machine")
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Not below tmp_path: the path of a socket has at most 107 bytes, and others may not enter that folder.
    folder = Path(tempfile.mkdtemp(prefix="ghostbot-pg-"))
    try:
        if as_user:
            shutil.chown(folder, "postgres")
        data = folder / "data"
        initdb = [*as_user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        started = subprocess.DEVNULL
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=started, cwd=folder)
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=started, cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_two_replicas_write_one_chain_and_no_entry_can_be_changed(url: str) -> None:
    with closing(open_records(url)) as one, closing(open_records(url)) as other:
        deeds = [Deed("U1", str(number), "", "answered") for number in range(25)]
        await asyncio.gather(*(records.audit(deed) for deed in deeds for records in (one, other)))
        chain = await one.verify_audit()
        assert (chain.entries, chain.broken) == (50, None)

        engine = create_engine(url)
        for change in ("UPDATE audit SET outcome = 'x' WHERE id = 7", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
                connection.execute(text(change))
        with engine.begin() as connection:  # somebody with all rights
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_no_change"))
            connection.execute(text("UPDATE audit SET outcome = 'x' WHERE id = 7"))
        engine.dispose()
        assert (await other.verify_audit()).broken == "entry 7 is not what was written"


async def test_a_request_is_new_to_one_replica_only(url: str) -> None:
    with closing(open_records(url)) as one, closing(open_records(url)) as other:
        answers = await asyncio.gather(*(records.is_new("d" * 64, 60) for records in (one, other) * 3))
        assert sorted(answers) == [False] * 5 + [True]
