"""Runs one command for the sandbox and makes sure that nothing of it outlives the sandbox.

Started as `python -I -S guard.py COMMAND...` with a pipe as its standard input, whose other end only
the sandbox holds. The command gets a process group of its own. When the pipe closes, the sandbox is
gone (also by SIGKILL) or wants the end at once: the group is killed. SIGTERM is passed on to the
group, so that the command can end in its own way. Nothing but the standard library, and little of it:
one of these runs beside every slot.
"""

import contextlib
import os
import select
import signal
import sys

_SET_CHILD_SUBREAPER = 36  # prctl(2): grandchildren that were orphaned become ours, so they can be ended too


def _adopt_orphans() -> None:
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - 10 ms that other systems need not pay

    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> list[int]:
    """Every direct child, including adopted ones (Linux; elsewhere the group has to do)."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listing:  # noqa: PTH123 - no pathlib: start-up time
            return [int(pid) for pid in listing.read().split()]
    except OSError:
        return []


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _kill_everything(group: int) -> None:
    _signal_group(group, signal.SIGKILL)
    # Killing a child hands its own children to us: repeat until none is left.
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def main(command: list[str]) -> int:
    """Run the command; the exit code is the command's, or 128 + the signal that ended it."""
    _adopt_orphans()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # From here on, not from after the start: a SIGTERM in between would end the guard and orphan its child.
    asked_to_end = False
    child = 0

    def end(*_: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True
        if child:
            _signal_group(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the sandbox's to handle
    nothing = os.open(os.devnull, os.O_RDONLY)
    child = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_CLOSE, nothing)],
        setpgroup=0,
        setsigdef=[signal.SIGINT, signal.SIGTERM],
    )
    if asked_to_end:
        _signal_group(child, signal.SIGTERM)
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if 0 in ready and not os.read(0, 1):
            _kill_everything(child)
            return 137
        if wake in ready:
            os.read(wake, 512)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] == child:
                    _kill_everything(child)
                    code = os.waitstatus_to_exitcode(ended[1])
                    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        exit_code = main(sys.argv[1:])
    except OSError as problem:
        sys.stderr.write(f"{sys.argv[1]}: {problem.strerror}\n")
        exit_code = 127
    # No tidying up at the end of the interpreter: nothing here needs it.
    os._exit(exit_code)
