"""What a start has loaded is not looked through again and again."""

import subprocess
import sys

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
