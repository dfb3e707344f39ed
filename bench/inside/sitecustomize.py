"""Loaded by Python itself into a bot whose PYTHONPATH names this folder: writes down what holds up its event loop.

Every callback of the main thread's loop is timed, by the clock and by the thread's own processor time; those that take
long are written, one line of JSON each, to the file that BENCH_BLOCKING_FILE names. How many there were is written when
this is loaded, and every second in which there are some, so that a watch that saw nothing is told from none at all.
"""

import asyncio
import json
import os
import threading
import time

_WORTH_TELLING = 0.02
_COUNTED_EVERY = 1.0
_FILE = os.environ.get("BENCH_BLOCKING_FILE")


def _name(handle: asyncio.Handle) -> str:
    callback = handle._callback  # type: ignore[attr-defined]
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        coroutine = task.get_coro()
        return str(getattr(coroutine, "__qualname__", coroutine))
    return str(getattr(callback, "__qualname__", callback))


if _FILE:
    _main = threading.main_thread().ident
    _run = asyncio.Handle._run
    _told = open(_FILE, "a", buffering=1)  # noqa: PTH123, SIM115 - for as long as the process lives

    class _Seen:
        callbacks = 0
        told_at = time.perf_counter()

    def _tell(**row: object) -> None:
        _told.write(json.dumps({"at": time.time(), "pid": os.getpid(), **row}) + "\n")

    def _timed(self: asyncio.Handle) -> None:
        if threading.get_ident() != _main:
            _run(self)
            return
        began, used = time.perf_counter(), time.thread_time()
        _run(self)
        ended = time.perf_counter()
        _Seen.callbacks += 1
        if ended - began > _WORTH_TELLING:
            _tell(took=ended - began, worked=time.thread_time() - used, what=_name(self))
        if ended - _Seen.told_at > _COUNTED_EVERY:
            _Seen.told_at = ended
            _tell(callbacks=_Seen.callbacks)

    _tell(callbacks=0)
    asyncio.Handle._run = _timed  # type: ignore[method-assign]
