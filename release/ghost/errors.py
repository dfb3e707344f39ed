"""What can go wrong with Ghost itself: getting it, building it, its database."""

from release.errors import ReleaseError


class UnknownVersion(ReleaseError):
    problem = "There is no Ghost {0}."
    remedy = "Did you mean one of: {1}? /ghost versions lists the newest."


class RegistryUnreachable(ReleaseError):
    problem = "The npm registry did not answer: {0}."
    remedy = "Look at the bot's network and its npm configuration (npm config get registry), then try again."


class NodeUnavailable(ReleaseError):
    problem = "No Node {0} for {1} can be had from npm."
    remedy = "Check that your npm registry carries that Node. For a slot, choose a stack whose Node this Ghost accepts."


class ToolUnavailable(ReleaseError):
    problem = "This Ghost is installed with {0} {1}, and npm does not have it."
    remedy = "Check your npm registry; it must carry the package managers too."


class NodeTooOld(ReleaseError):
    problem = "Ghost {0} needs Node {1}, and the slot runs Node {2}."
    remedy = "Change the slot's stack to a Node that Ghost accepts, test it, then try again."


class CommandFailed(ReleaseError):
    """A foreign program ended badly; args: what it did, how it ended, its log, the log's last lines."""

    problem = "{0} failed ({1})."
    remedy = "Its log is {2}. The last lines:\n{3}"

    @property
    def detail(self) -> str:
        return str(self.args[3])


class CommandTooSlow(ReleaseError):
    problem = "{0} took more than {1} seconds and was stopped."
    remedy = "Its log is {2}. Try again when the machine is less busy. The last lines:\n{3}"

    @property
    def detail(self) -> str:
        return str(self.args[3])


class UnsafeArchive(ReleaseError):
    problem = "The archive {0} was not unpacked: {1}."
    remedy = "Nothing was installed. Check where your npm registry takes this package from."


class BrokenSource(ReleaseError):
    problem = "The package of Ghost {0} cannot be built: {1}."
    remedy = "Nothing was installed. Choose another version, or check your npm registry."


class OnlyBuiltThere(ReleaseError):
    problem = (
        "Ghost {0} ships a lock file for yarn, which installs for machines like the bot's only, not for {1}."
    )
    remedy = 'Set package = "built on the server" for this site in ghostbot.toml, or choose a newer Ghost.'


class DamagedPackage(ReleaseError):
    problem = "The stored package {0} is damaged: {1}."
    remedy = "Run the upgrade again: the package is then built anew."


class NotADatabase(ReleaseError):
    problem = "{0} is not an SQLite database."
    remedy = "Look at what the backup WebJob writes, then take the backup again."


class EmptyDatabase(ReleaseError):
    problem = "The database {0} is empty."
    remedy = "It was probably locked while it was copied. Take the backup again."


class CorruptDatabase(ReleaseError):
    problem = "The database {0} fails SQLite's integrity check: {1}."
    remedy = "Take the backup again; if it stays, repair production's database before any upgrade."


class NotGhost(ReleaseError):
    problem = "The database {0} is not Ghost's: it has no {1}."
    remedy = "Check which file the backup WebJob copies."


class LockedMigrations(ReleaseError):
    problem = "A migration of the database {0} was begun and never ended: its lock is set."
    remedy = (
        "Find out why (Ghost's log), repair production's database, then release the lock with knex-migrator."
    )


class NewerDatabase(ReleaseError):
    problem = "The database is already at Ghost {0}, and Ghost {1} is older."
    remedy = "Choose {0} or a newer version. To go back, restore the backup taken before the upgrade."


class MigrationFailed(ReleaseError):
    problem = "Migrating the database to Ghost {0} failed ({1})."
    remedy = (
        "Production is untouched. The last lines below say why, and the thread has the whole log ({2} on the bot's "
        "machine). Put that right or choose another version, then start again.\n{3}"
    )

    @property
    def detail(self) -> str:
        return str(self.args[3])


class MigrationIncomplete(ReleaseError):
    problem = "The migrator ended well, yet the copy says Ghost {0} instead of {1}."
    remedy = (
        "Production is untouched. The thread has the migrator's log ({2} on the bot's machine): put right what it "
        "names, or choose another version, then start again."
    )


class RowsLost(ReleaseError):
    problem = "The migration to Ghost {0} would lose data: {1}."
    remedy = "Production is untouched. Read the release notes of {0}; do not upgrade before you know why."
