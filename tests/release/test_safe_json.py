"""The engine's records: our values and errors come back as they were, and a pickled row is never run."""

import importlib
import json
import os
import pickle
import pkgutil
import string
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from dbos._serialization import DefaultSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

import release
from release.errors import ReleaseError, SiteBusy, Unexpected
from release.model import BackupTaken, Candidate, MigrationDone, SwapDone
from release.preflight import Cleared
from release.safe_json import RefusedPickle, SafeJson, refuse_pickle

VALUES = (BackupTaken, Candidate, Cleared, MigrationDone, SwapDone)
JSON = SafeJson(VALUES)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=string.ascii_letters), inner),
)


def there_and_back(value: Any) -> Any:  # Any: as the engine has it
    return JSON.deserialize(JSON.serialize(value))


def every_error() -> list[type[ReleaseError]]:
    for module in pkgutil.walk_packages(release.__path__, "release."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    found: list[type[ReleaseError]] = []
    waiting = [ReleaseError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith("release.")]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_value_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    figures = {field.name: st.floats(allow_nan=False) for field in fields(kind) if field.type is float}
    value = data.draw(st.builds(kind, **figures))
    assert there_and_back(value) == value
    assert there_and_back({"deep": [value]}) == {"deep": [value]}


@settings(max_examples=50, deadline=None)
@given(PLAIN)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    if not (isinstance(value, dict) and value.keys() == {"args", "kwargs"}):
        assert there_and_back(value) == value


@given(st.lists(st.text(), min_size=4, max_size=4))
def test_errors_come_back_with_their_words_and_their_advice(args: list[str]) -> None:
    error = SiteBusy(*args)
    again = there_and_back(error)
    assert type(again) is SiteBusy
    assert (str(again), again.advice) == (str(error), error.advice)


def test_every_error_of_ours_has_a_name_of_its_own_and_says_what_to_do() -> None:
    kinds = every_error()
    assert len({kind.__qualname__ for kind in kinds}) == len(kinds)
    for kind in kinds:
        fields = {
            name for text in (kind.problem, kind.remedy) for _, name, _, _ in string.Formatter().parse(text)
        }
        assert all(name is None or name.isdigit() for name in fields), kind
        assert kind.remedy.strip(), kind


def test_a_foreign_error_keeps_its_text_to_itself() -> None:
    written = JSON.serialize(RuntimeError("token=s3cret"))
    assert "s3cret" not in written
    assert isinstance(JSON.deserialize(written), Unexpected)


def test_an_error_only_another_version_knows_can_still_be_told() -> None:
    again = JSON.deserialize(json.dumps({"!error": "FromTheFuture", "args": ["x"]}))
    assert "FromTheFuture" in str(again)
    assert again.advice


def test_what_is_not_on_the_list_is_not_written() -> None:
    with pytest.raises(TypeError):
        JSON.serialize(Path("x"))


def test_a_pickled_row_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        DefaultSerializer, "deserialize", DefaultSerializer.deserialize
    )  # put back at the end
    marker = tmp_path / "run"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (marker.touch, ())

    row = DefaultSerializer().serialize(Bomb())
    assert pickle.dumps(Bomb())
    refuse_pickle()
    with pytest.raises(RefusedPickle):
        DefaultSerializer().deserialize(row)
    assert not marker.exists()


ENGINE = """
import asyncio, sqlite3, sys
from dbos import DBOS
from release.safe_json import SafeJson, refuse_pickle

database, bomb = sys.argv[1:]
refuse_pickle()
DBOS(config={
    "name": "test", "system_database_url": f"sqlite:///{database}", "executor_id": "test",
    "application_version": "1", "serializer": SafeJson(()), "log_level": "CRITICAL",
})

@DBOS.workflow()
async def greet(name):
    return name

async def main():
    DBOS.launch()
    handle = await DBOS.start_workflow_async(greet, "ann")
    assert await handle.get_result() == "ann"
    with sqlite3.connect(database) as connection:
        row = "UPDATE workflow_status SET inputs = ?, output = ?, serialization = 'py_pickle'"
        connection.execute(row, (bomb, bomb))
    try:
        for status in await DBOS.list_workflows_async():
            print("inputs", type(status.input).__name__)
        await (await DBOS.retrieve_workflow_async(handle.workflow_id)).get_result()
    except Exception as error:
        print("refused", type(error).__name__)
    DBOS.destroy()

asyncio.run(main())
"""


def test_a_pickled_row_in_the_engines_own_tables_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "run"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(marker),))

    row = DefaultSerializer().serialize(Bomb())
    told = subprocess.run(
        [sys.executable, "-c", ENGINE, str(tmp_path / "engine.db"), row],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "RefusedPickle" in told.stdout + told.stderr
    assert not marker.exists()
