"""Which database a site's migration is for: its connection string, looked up when it is needed and kept nowhere."""

from release.migrations.config import MigrationConfig
from release.migrations.connection import Connection, connection
from release.migrations.errors import ConnectionStringElsewhere, NoConnectionString
from release.site import PRODUCTION, Site

_REFERENCE = "@microsoft.keyvault("
OWN = "own_connection_string"


async def target_of(site: Site, migration: MigrationConfig, slot: str) -> Connection:
    """The connection string that the slot's app has, or another identity's if the settings have one."""
    if migration.own is not None:
        return connection(migration.own, kind=migration.database)
    text, told_type = await _looked_up(site, migration.connection_string, slot)
    return connection(text, told_type, migration.database)


async def another_in_production(site: Site, migration: MigrationConfig) -> str | None:
    """Why staging's string may be of another database than production's, in words; None where it is the same."""
    if migration.own is not None:
        return None
    name = migration.connection_string
    try:
        production = connection((await _looked_up(site, name, PRODUCTION))[0])
    except NoConnectionString:
        return f"production has no {name}, so whether both slots share the database is not known"
    staging = connection((await _looked_up(site, name, site.staging))[0])
    if _place(production) == _place(staging) and any(_place(production)):
        return None
    if production.text == staging.text:
        return None
    return (
        f"{name} names another database in production than on {site.staging}: what is migrated is the one of "
        f"{site.staging}"
    )


def _place(found: Connection) -> tuple[str, str, str]:
    return found.host.lower(), found.port, found.database


async def _looked_up(site: Site, name: str, slot: str) -> tuple[str, str]:
    strings = await site.app.connection_strings(slot)
    value, told_type = strings.get(name) or ((await site.app.settings(slot)).get(name, ""), "")
    if not value:
        raise NoConnectionString(site.app.called(slot), name)
    if value.lower().startswith(_REFERENCE):
        raise ConnectionStringElsewhere(site.app.called(slot), name)
    return value, told_type
