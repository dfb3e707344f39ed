"""Runs one command, and ends it with all it has started once whoever wanted it is gone, even by kill -9.

Started as `python -I -S until_orphaned.py COMMAND...` with a pipe as its standard input whose other end
only the bot holds. The command leads a process group of its own, which is killed when the pipe closes: because
the bot wants that, or because it is gone, and nobody else would stop a compiler that has minutes to go.
The exit code is the command's, or 128 + the signal that ended it; nothing of the group is left by then.
Nothing but the standard library, and little of it: it starts in 20 ms.
"""

import contextlib
import os
import select
import signal
import sys

GIVES_WAY = 5
"""Added to the bot's own niceness: people wait for its answers, and installers take all processors there are."""


def main(command: list[str]) -> int:
    """Wait for the end of the command or of the bot, whichever comes first; returns the exit code."""
    os.nice(GIVES_WAY)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    nothing = os.open(os.devnull, os.O_RDONLY)
    child = os.posix_spawnp(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 0)], setpgroup=0
    )
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if 0 in ready and not os.read(0, 1):
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 137
        if wake in ready:
            os.read(wake, 512)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what it left running
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        exit_code = main(sys.argv[1:])
    except OSError as problem:
        sys.stderr.write(f"{sys.argv[1]}: {problem.strerror}\n")
        exit_code = 127
    os._exit(exit_code)
