"""What can go wrong with a migration: one class a cause, and none tells the connection string."""

from release.errors import ReleaseError


class NoConnectionString(ReleaseError):
    problem = "{0} has no connection string or app setting {1}."
    remedy = "Nothing was migrated. Set it there, or correct connection_string in the site's migration table."


class ConnectionStringElsewhere(ReleaseError):
    problem = "The setting {1} of {0} is a reference to a Key Vault, which only the app itself can read."
    remedy = "Nothing was migrated. Give the bot the string itself: own_connection_string, by environment or secret."


class ConnectionStringUnreadable(ReleaseError):
    problem = "The connection string {0} cannot be taken apart: its {1} is missing."
    remedy = (
        "Nothing was migrated. It has to be a URL or KEY=VALUE;..., or set format to {{connection_string}}."
    )


class TargetUnreachable(ReleaseError):
    problem = "The database of {0} cannot be reached from the bot's machine: {1}."
    remedy = "Nothing was migrated. Check its firewall, and that the string's user may sign in from there."


class MigrationGoingOn(ReleaseError):
    problem = "Another migration of this database is going on since more than {0} s ({1})."
    remedy = "Nothing was migrated. Wait for its end, then start again."


class LockLost(ReleaseError):
    problem = "The connection that kept other migrations away broke off, so the migration was stopped: {0}."
    remedy = (
        "Look whether the database is well, then start again: what was migrated already is not done twice."
    )


class MigrationCommandFailed(ReleaseError):
    problem = "{0} ended with exit code {1}. It said last:\n{2}"
    remedy = (
        "What of it was done is for the tool to say: its whole output is {3} in the bot's data folder. Production runs "
        "the old version as before. Correct the migration, then start again."
    )


class MigrationTooSlow(ReleaseError):
    problem = "{0} had not ended after {1} s and was stopped. It said last:\n{2}"
    remedy = (
        "Look what it waited for: a lock of production's, most likely. Its output is {3} in the bot's data folder. "
        "More time is seconds in the site's migration table."
    )


class CommandMissing(ReleaseError):
    problem = "The command {0} is neither in the migrations nor on the bot's machine."
    remedy = (
        "Nothing was migrated. Put it into the migrations, install it, or correct the site's migration table."
    )


class NoDownMigration(ReleaseError):
    problem = "{0} has no command that undoes a migration."
    remedy = "The way back is the database's own backup (point-in-time restore), or a migration forward."


class DownCutOff(ReleaseError):
    problem = (
        "The down migration of {0} was cut off, and what it had undone by then is not known: its tool is not asked "
        "what is pending."
    )
    remedy = (
        "Run again by itself it might undo older migrations, so it was not. Look in the database which migrations are "
        "there; the output so far is {1} in the bot's data folder. If all those of {2} still are, "
        "/ghost undo-migration {0} runs the command once more; if only some are, undo them by hand."
    )


class NothingToUndo(ReleaseError):
    problem = "No release of {0} has left a migration that could be undone: {1}."
    remedy = "See /ghost history {0} for what there was."


class SchemaInUse(ReleaseError):
    problem = "Production of {0} runs {1}, which needs the database as it is."
    remedy = "Roll back first: /ghost rollback {0}. Then the migration can be undone."


class ProductionUnwell(ReleaseError):
    problem = (
        "PRODUCTION IS NOT WELL since the database was migrated under it: {0}. It runs {1}, on the database of {2}. "
        "Nothing was swapped."
    )
    remedy = "{3}"
