"""What foreign programs say in a step, put together for the thread of its release."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from release.masking import masked

MOST = 200_000
"""Bytes that are kept of one step, the end of each program's output where there is more."""
_AT_ONCE = 4096


@dataclass(frozen=True)
class Heard:
    """A program that ran: what people know it as, and the log with its output."""

    title: str
    log: Path


_listening: ContextVar[list[Heard] | None] = ContextVar("listening", default=None)


@contextmanager
def listening() -> Iterator[list[Heard]]:
    """Inside the block, and in the tasks that it starts, every program that is run is added to the list."""
    heard: list[Heard] = []
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


def hear(title: str, log: Path) -> None:
    """A program ran, well or not, and this is its log."""
    heard = _listening.get()
    if heard is not None:
        heard.append(Heard(title, log))


def put_together(heard: Sequence[Heard]) -> str:
    """The outputs under their titles, with what looks like a secret hidden; "" where nothing was said."""
    titles: dict[Path, list[str]] = {}  # several may write one log, one after the other
    for one in heard:
        titles.setdefault(one.log, []).append(one.title)
    texts = {log: _end_of(log, MOST // len(titles)) for log in titles}
    return "\n".join(f"== {', '.join(titles[log])} ==\n{text}\n" for log, text in texts.items() if text)


def _end_of(log: Path, most: int) -> str:
    try:
        with log.open("rb") as file:
            start = max(0, log.stat().st_size - most)
            file.seek(start)
            if start:  # in the middle of a line, most likely, and of a secret in it
                start += len(file.readline())
            text = file.read().decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
    left_out = f"[the first {start} bytes are left out]\n" if start else ""
    # In pieces of whole lines: one search over all of it would keep every other thread waiting.
    return left_out + "".join(masked(piece) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    piece: list[str] = []
    size = 0
    for line in text.splitlines(keepends=True):
        piece.append(line)
        size += len(line)
        if size >= _AT_ONCE:
            yield "".join(piece)
            piece, size = [], 0
    yield "".join(piece)
