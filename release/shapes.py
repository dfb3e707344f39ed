"""The kinds of sites there are, and the ways a package gets on a slot."""

from dataclasses import replace
from enum import StrEnum

from release.copied import CopiedOnTheSlot
from release.deployments.built import BuiltOnServer
from release.deployments.image import Image
from release.deployments.run_from_package import RunFromPackage
from release.deployments.whole import Whole
from release.ghost.packing import WithoutModules
from release.ghost.pages import GhostPages
from release.ghost.platforms import WINDOWS
from release.model import Kind
from release.mysql.dumped import Dumped
from release.runtimes import OfTheImage, WindowsNode
from release.shape import Shape

GHOST_ON_SQLITE = Shape(
    words="Ghost on SQLite",
    kinds=frozenset(
        {
            Kind.UPGRADE,
            Kind.BACKUP,
            Kind.SWAP,
            Kind.ROLLBACK,
            Kind.VERIFY,
            Kind.VERIFY_KEPT,
            Kind.RESTORE,
            Kind.CARRY_OVER,
        }
    ),
    pages=GhostPages(),
    deployment=Whole(),
    copies=CopiedOnTheSlot(),
    address_setting="url",
)
"""The database is a file in the site's content, copied and migrated off the server."""

GHOST_ON_MYSQL = Shape(
    words="Ghost on MySQL",
    kinds=frozenset({Kind.UPGRADE_SHARED, Kind.ROLLBACK_SHARED, Kind.BACKUP, Kind.VERIFY, Kind.VERIFY_KEPT}),
    pages=GhostPages(),
    deployment=Whole(),
    copies=Dumped(),
    address_setting="url",
)
"""The database is on a server, and both slots share it: rehearsed on a scratch copy, migrated at the promotion."""


class Way(StrEnum):
    """How a package is made and gets on a slot, as the operator says it."""

    WHOLE = "whole"
    BUILT_ON_THE_SERVER = "built on the server"
    RUN_FROM_PACKAGE = "run from package"
    IMAGE = "image"


class System(StrEnum):
    """What the machines of a site's plan run."""

    LINUX = "linux"
    WINDOWS = "windows"


def on_system(shape: Shape, system: System) -> Shape:
    """The same kind of site, on machines of this kind."""
    if system is System.LINUX:
        return shape
    return replace(shape, runtime=WindowsNode(), recipe=replace(shape.recipe, platform=WINDOWS))


def deployed(shape: Shape, way: Way, image: str = "") -> Shape:
    """The same kind of site, with its packages made and deployed in this way; `image` is the reference of images."""
    match way:
        case Way.WHOLE:
            return shape
        case Way.BUILT_ON_THE_SERVER:
            return replace(
                shape, deployment=BuiltOnServer(), recipe=replace(shape.recipe, packing=WithoutModules())
            )
        case Way.RUN_FROM_PACKAGE:
            return replace(shape, deployment=RunFromPackage())
        case Way.IMAGE:
            return replace(shape, deployment=Image(image), runtime=OfTheImage())
