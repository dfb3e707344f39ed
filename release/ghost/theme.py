"""Does a Ghost take a theme? Asked of gscan, Ghost's own checker, in the very version that this Ghost ships."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from release.ghost.cache import Cache
from release.ghost.migrate import Migrator
from release.ghost.npm import Npm
from release.ghost.process import Command, run
from release.model import ThemeChecked
from release.version import Version

CHECK_SECONDS = 180
GSCAN = Path("node_modules", "gscan")
FILES_NAMED = 5
_PROGRAM = Path(__file__).with_name("check_theme.js")


@dataclass(frozen=True)
class _Rule:
    """A rule that a theme breaks. One that is `fatal` makes Ghost refuse it."""

    code: str
    rule: str
    fatal: bool
    files: tuple[str, ...]

    @property
    def words(self) -> str:
        named = ", ".join(self.files[:FILES_NAMED])
        more = f" and {len(self.files) - FILES_NAMED} more" if len(self.files) > FILES_NAMED else ""
        where = f" in {named}{more}" if named else ""
        return f"{self.rule.rstrip('.')} ({self.code}){where}"


def gscan_of(ghost: Migrator) -> str | None:
    """The version of the gscan that this Ghost has; None where it has none."""
    try:
        package = json.loads((Path(ghost.folder) / GSCAN / "package.json").read_text())
    except FileNotFoundError:
        return None
    return str(package["version"])


async def check_theme(ghost: Migrator, name: str, theme: Path, work: Path, npm: Npm) -> ThemeChecked:
    """What this Ghost, which has a gscan, says of the theme in the folder `theme`; nothing of the theme is run.

    Raises CommandFailed or CommandTooSlow where gscan itself does not get to its end.
    """
    version = Version.parse(ghost.version)
    checker = Path(ghost.folder) / GSCAN
    node = Path(ghost.node_prefix) / "bin" / "node"
    async with Cache(work).workplace("checking-theme") as place:
        answer = place / "answer.json"
        await run(
            Command(
                title=f"checking the theme {name} for Ghost {version.major}",
                words=[node, _PROGRAM, checker, theme, f"v{version.major}", answer],
                folder=place,
                environment=npm.surroundings(node.parent),
                log=npm.cache.log("checking-theme"),
                seconds=CHECK_SECONDS,
            )
        )
        told = json.loads(await asyncio.to_thread(answer.read_text))
    errors, warnings = _rules(told["errors"]), _rules(told["warnings"])
    return ThemeChecked(
        theme=name,
        gscan=gscan_of(ghost) or "",
        refused=tuple(rule.words for rule in errors if rule.fatal),
        warnings=tuple(rule.words for rule in (*errors, *warnings) if not rule.fatal),
    )


def _rules(told: list[dict[str, object]]) -> list[_Rule]:
    return [
        _Rule(str(one["code"]), str(one["rule"]), bool(one["fatal"]), tuple(map(str, _list(one["files"]))))
        for one in told
    ]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
