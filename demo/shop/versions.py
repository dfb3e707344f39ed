"""The shop in several versions, each a zip as a build would leave it; some of them misbehave on purpose.

Every version brings all migrations that came before it. `2.0.0` needs a column that `1.0.0` does not know of, and
`1.0.0` runs on either schema: that is the condition under which a shared database can be migrated in place.
"""

import json
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from release.ghost.cache import Cache, Mark, default_cache_folder
from release.ghost.npm import Npm, registry_of_user, user_environment

HERE = Path(__file__).parent
DRIVERS = ("pg@8.23.1", "mysql2@3.24.6")
DBMATE = "@dbmate/linux-x64@2.36.0"
BUNDLE = "migrations"
_NEVER = frozenset({"__pycache__"})


class Tool(StrEnum):
    """What migrates the database; the name of a folder of migrations."""

    ALEMBIC = "alembic"
    DBMATE = "dbmate"


@dataclass(frozen=True)
class ShopVersion:
    """One version. `price` is what its code calls that column, `stock` whether it knows the newer ones.

    `migrations` are the ones it brings, by the words that their files' names share.
    """

    version: str
    migrations: tuple[str, ...]
    price: str = "price"
    stock: bool = True


_FIRST = ("the_first_schema",)
_SECOND = (*_FIRST, "products_have_a_stock")

OLDER = ShopVersion("1.0.0", _FIRST, stock=False)
NEWER = ShopVersion("2.0.0", _SECOND)
BREAKS_THE_OLDER = ShopVersion("3.0.0", (*_SECOND, "price_is_called_amount"), price="amount")
FAILS_HALF_WAY = ShopVersion("3.1.0", (*_SECOND, "fails_half_way"))
NEVER_ENDS = ShopVersion("1.1.0", (*_FIRST, "never_ends"), stock=False)


def files(shop: ShopVersion) -> dict[str, bytes]:
    """The code of one version, as path -> content, without the drivers."""
    manifest = {
        "name": "shop",
        "version": shop.version,
        "private": True,
        "scripts": {"start": "node server.js"},
    }
    features = {"price": shop.price, "stock": shop.stock}
    return {
        "package.json": json.dumps(manifest).encode(),
        "features.js": f"module.exports = {{ features: {json.dumps(features)} }};\n".encode(),
        **{path.name: path.read_bytes() for path in sorted((HERE / "template").iterdir())},
    }


def migrations(shop: ShopVersion, tool: Tool) -> dict[str, bytes]:
    """The migrations of one version, as path -> content: what the tool is run in."""
    folder = HERE / BUNDLE / tool
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _NEVER & set(path.parts) and _belongs(path, shop)
    }


def _belongs(path: Path, shop: ShopVersion) -> bool:
    """What has no number is the tool's own configuration."""
    number, _, words = path.stem.partition("_")
    return not number.strip("r").isdigit() or words in shop.migrations


async def site_zip(shop: ShopVersion, tool: Tool, zip_file: Path, bundle: bool = True) -> Path:
    """The artefact: the site whole, drivers included, and the migrations in the folder of that name."""
    drivers = [await _from_npm(driver) for driver in DRIVERS]
    with zipfile.ZipFile(zip_file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, content in files(shop).items():
            archive.writestr(path, content)
        for modules in drivers:
            for module in sorted(modules.rglob("*")):
                if module.is_file() and not module.is_symlink() and not module.name.startswith("."):
                    archive.write(module, f"node_modules/{module.relative_to(modules).as_posix()}")
        for path, content in migrations(shop, tool).items() if bundle else ():
            archive.writestr(f"{BUNDLE}/{path}", content)
    return zip_file


def migrations_zip(shop: ShopVersion, tool: Tool, zip_file: Path) -> Path:
    """The migrations as an artefact of their own, beside the site's."""
    with zipfile.ZipFile(zip_file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in migrations(shop, tool).items():
            archive.writestr(path, content)
    return zip_file


async def dbmate_program() -> Path:
    """The program dbmate, which npm carries, fetched once."""
    return (await _from_npm(DBMATE)) / "@dbmate" / "linux-x64" / "bin" / "dbmate"


async def _from_npm(spec: str) -> Path:
    """The folder node_modules with one package and what it needs, fetched once."""
    npm = Npm(Cache(default_cache_folder()), await registry_of_user(user_environment()))

    async def fill(folder: Path) -> Mark:
        await npm.install(spec, folder)
        return {}

    kept = await npm.cache.folder_of("tools", spec.strip("@").replace("/", "-").replace("@", "-"), fill)
    return kept.path / "node_modules"
