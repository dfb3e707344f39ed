"""What a start has loaded is not looked through again and again."""

import subprocess
import sys
from pathlib import Path

LOADED = """
import gc
import sqlalchemy
from bot.memory import look_only_at_what_is_new
before = len(gc.get_objects())
look_only_at_what_is_new()
print(before, len(gc.get_objects()))
"""


def test_the_collector_has_next_to_nothing_to_look_at_after_a_start() -> None:
    told = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    before, after = map(int, told.stdout.split())
    assert after < before / 100


WHILE_LOADING = """
import gc
from bot.memory import all_at_once, look_only_at_what_is_new
with all_at_once():
    import sqlalchemy
    print(gc.isenabled(), end=" ")
print(gc.isenabled(), len(gc.get_objects()) < gc.get_freeze_count() / 10, end=" ")
knot = []
knot.append(knot)
gc.freeze()
left = gc.get_freeze_count()
del knot
look_only_at_what_is_new()
print(gc.get_freeze_count() < left)
"""


def test_the_collector_waits_while_the_bot_is_loaded_and_sweeps_up_once_it_is_ready() -> None:
    assert _told_by(WHILE_LOADING) == ["False", "True", "True", "True"]


RUNNING = """
import sys
from bot.unused import leave_out
leave_out()
import bot.app
seldom = {"alembic", "azure.storage.blob", "click", "matplotlib", "PIL", "playwright", "pygments", "rich"}
print(*seldom & {*sys.modules})
"""


def test_a_running_bot_has_not_loaded_what_only_some_ways_need() -> None:
    assert _told_by(RUNNING) == ["click"]  # the engine's


SDK = """
import gc
import sys
from bot.unused import leave_out
leave_out()
from azure.mgmt.web.aio import WebSiteManagementClient
kept = [kind for kind in object.__subclasses__() if kind.__name__ == "WebAppsOperations"]
print(*(kind.__module__ for kind in kept))
"""


def test_of_azures_two_clients_a_running_bot_keeps_the_one_it_uses() -> None:
    assert _told_by(SDK) == ["azure.mgmt.web.aio.operations._operations"]


STARTED_TWICE = """
import sys
from contextlib import closing
from release.records import open_records
with closing(open_records(sys.argv[1])):
    print("alembic" in sys.modules)
"""


def test_a_start_on_tables_as_they_have_to_be_leaves_alembic_alone(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'ghostbot.sqlite'}"
    assert [_told_by(STARTED_TWICE, database), _told_by(STARTED_TWICE, database)] == [["True"], ["False"]]


def _told_by(program: str, *words: str) -> list[str]:
    told = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    return told.stdout.split()
