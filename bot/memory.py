"""Memory that is given back: glibc keeps an arena for every thread, and never returns most of what a thread let go.

Its own words for the options are in mallopt(3). With one arena and small thresholds the bot took 35 MB instead of 52
for a blog of 10,000 images and 250 MB of database (tests/stories/test_large.py).
"""

import contextlib
import ctypes
import gc
from collections.abc import Iterator

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_KEPT_BYTES = 128 * 1024


def give_memory_back() -> bool:
    """From now on; whether the C library took it: others than glibc (musl, macOS, Windows) have no such options.

    To be called before the first thread is started.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        wanted = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _KEPT_BYTES), (_M_TRIM_THRESHOLD, _KEPT_BYTES))
        taken = [mallopt(option, value) == 1 for option, value in wanted]
        return all(taken)
    return False


@contextlib.contextmanager
def all_at_once() -> Iterator[None]:
    """Python's collector does not look through what is loaded inside the block, again and again, while it grows.

    What is loaded stays, so there is nothing to find: a start took a fifth longer.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def look_only_at_what_is_new() -> None:
    """Python's collector leaves alone from now on what a start has loaded, and what stays until the end.

    With all of it, Azure's SDK first of all, each full collection held up everything for 0.2 s (`make bench`).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _trim()


def _trim() -> None:
    """What lies free between what is in use goes back as well, which glibc does only when it is told to."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
