"""What the operator says of a database that both slots share."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class MySqlConfig:
    """What the operator says of a shared database. `scratch` None: the database's name with `_ghostbot` behind it.

    `user` and `password` are who dumps, restores and migrates, where that is not Ghost's own user. `programs` is the
    folder of the client programs, None for PATH. With `readers_may_see_errors` a release goes on where the old version
    cannot show its pages on the new schema, and with `open_writes` where production cannot refuse writes.
    """

    scratch: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    programs: Path | None = None
    readers_may_see_errors: bool = False
    open_writes: bool = False
    dump_limit: float = 3600
