"""Reading them: what is missing, wrong or misspelt is told by name, never by value."""

import difflib
import os
import types
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ValidationError,
)

from bot.settings.settings import CONFIG_VARIABLE, DEFAULT_CONFIG, PREFIX, SECRETS_VARIABLE, Settings
from release.errors import ReleaseError


class SettingsWrong(ReleaseError):
    problem = "The settings are not right:\n{0}"
    remedy = "Correct them in the environment or in {1}; docs/settings.md lists them all."


def read_settings(config: Path | None = None) -> Settings:
    """The settings, or SettingsWrong naming every one that is missing, wrong or misspelt."""
    return _read(config, {})


def read_without_tokens(config: Path | None = None) -> Settings:
    """The settings for what never talks to Slack: as read_settings, but without Slack's tokens none is missing."""
    return _read(
        config, {"slack": dict.fromkeys(("bot_token", "app_token", "signing_secret"), "none needed")}
    )


def settings_file(config: Path | None = None) -> Path:
    """Where the settings file is, or would be."""
    return config or Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def _read(config: Path | None, known: dict[str, Any]) -> Settings:  # Any: what pydantic makes settings of
    if config is not None:
        if not config.is_file():
            raise SettingsWrong("\n".join(_missing(config)), str(config))
        os.environ[CONFIG_VARIABLE] = str(config)
    where = settings_file()
    wrong = [f"  {name}: no such setting{_meant(name)}" for name in misspelt(os.environ)]
    try:
        settings = Settings(**known)
    except ValidationError as error:
        wrong += [_told(part) for part in error.errors(include_input=False, include_url=False)]
    except ValueError as error:  # a file that is no TOML, or a variable that is no JSON
        wrong.append(f"  {where}: {str(error).splitlines()[0]}")
    except OSError as error:  # a file for other eyes than the bot's, as one mounted with mode 0600
        wrong.append(f"  {error.filename or where} cannot be read: {error.strerror}")
    if wrong:
        raise SettingsWrong("\n".join([*wrong, *_missing(where)]), str(where))
    return settings


def _missing(file: Path) -> list[str]:
    """A settings file may be missing, but whoever misses settings has to know of it."""
    if file.is_dir():
        return [
            f"  {file} is a folder and no file; Docker makes one of a file to be mounted that is not there"
        ]
    return [] if file.exists() else [f"  there is no file {file}"]


def _told(error: Any) -> str:  # Any: pydantic's error dictionary
    place = error["loc"][:-1] if error["loc"][-1:] == ("[key]",) else error["loc"]
    name = ".".join(str(part) for part in place)
    # A list is one variable, and what is wrong with a table as a whole has none.
    path = tuple(takewhile(lambda part: isinstance(part, str), place))
    variable = PREFIX + "__".join(path).upper()
    if error["type"] == "extra_forbidden":
        return f"  {name}: no such setting"
    if error["type"] == "missing":
        if _is_table(path):
            return f"  [{name}] is missing"
        return f"  {name} is missing: set {variable}, or {place[-1]} in [{name.rpartition('.')[0]}]"
    why = error["msg"].removeprefix("Value error, ")
    told = f"{name}: {why}" if name else why
    return f"  {told}" if _is_table(path) else f"  {told} ({variable})"


def misspelt(environment: Any) -> list[str]:  # Any: os.environ or a plain dictionary
    """GHOSTBOT_ variables that no setting reads; pydantic-settings ignores those without a word."""
    known = list(_names(Settings, ()))
    found = []
    for name in environment:
        if not name.startswith(PREFIX) or name in (CONFIG_VARIABLE, SECRETS_VARIABLE):
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not any(_matches(path, pattern) for pattern in known):
            found.append(name)
    return sorted(found)


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return len(path) <= len(pattern) and all(q in ("*", p) for p, q in zip(path, pattern, strict=False))


def _is_table(path: tuple[str, ...]) -> bool:
    return any(len(pattern) > len(path) and _matches(path, pattern) for pattern in _names(Settings, ()))


def _names(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        here = (*above, name)
        for kind in _models(field.annotation):
            inside = (*here, "*") if get_origin(field.annotation) is dict else here
            yield from _names(kind, inside)
        yield here


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # Any: a type annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (dict, Union, types.UnionType):
        for part in get_args(annotation):
            yield from _models(part)


def _meant(name: str) -> str:
    known = [PREFIX + "__".join(path).upper() for path in _names(Settings, ())]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
