"""The same promises on PostgreSQL, where several replicas write at once."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from release.records import Deed, open_records
from release.records.opening import driven
from tests.postgres import a_postgres

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with a_postgres() as postgres:
        yield driven(postgres.url)


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
