"""Ends a database server and removes its folder once the test that started it is gone, even by kill -9.

Started as `python -I -S guardian.py FOLDER PID_FILE SIGNAL` with a pipe as its standard input whose other end only
the test holds. Nothing is done until that pipe closes. Nothing but the standard library: it starts in 20 ms.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 20


@contextmanager
def guarded(folder: Path, pid_file: Path, how: signal.Signals) -> Iterator[None]:
    """When the block ends, or this process does, the server of the file gets the signal and the folder is gone.

    The server may be started and stopped in the block as often as one likes; the file holds its process id while
    it runs, as the first line.
    """
    guardian = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(folder), str(pid_file), str(int(how))],
        stdin=subprocess.PIPE,
        start_new_session=True,  # an interrupt at the terminal is for the tests
    )
    assert guardian.stdin is not None
    try:
        yield
    finally:
        guardian.stdin.close()
        guardian.wait(STOP_SECONDS * 2)


def main(folder: Path, pid_file: Path, how: int) -> None:
    while os.read(0, 1):
        pass
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        server = int(pid_file.read_text().split()[0])
        os.kill(server, how)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            os.kill(server, 0)
            time.sleep(0.05)
        os.kill(server, signal.SIGKILL)
    # One that was killed while it was being made may still write a little.
    deadline = time.monotonic() + STOP_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
