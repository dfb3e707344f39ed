"""What can go wrong with a shared database. No message holds a password."""

from release.errors import ReleaseError


class NotOnMySql(ReleaseError):
    problem = "The app settings of {0} do not say where its MySQL database is: {1}"
    remedy = (
        "Ghost's connection has to be in the slot's app settings (database__client=mysql, "
        "database__connection__host, ..__user, ..__password, ..__database): see docs/mysql.md."
    )


class ServerRefused(ReleaseError):
    problem = "The MySQL server {0} did not do what the bot asked ({1}): {2}"
    remedy = (
        "Production is untouched by this. Check that the server lets the bot's machine in, and the rights in "
        "docs/mysql.md."
    )


class NoProgram(ReleaseError):
    problem = "The bot's machine has none of the programs {0}."
    remedy = (
        "Install MySQL's or MariaDB's client there (Debian: apt-get install mariadb-client), or name its folder: "
        "programs in [sites.NAME.mysql]."
    )


class ProgramFailed(ReleaseError):
    problem = "{0} failed ({1}): {2}"
    remedy = "Look at that message; docs/mysql.md lists the rights that the bot needs on the server."


class NotAScratch(ReleaseError):
    problem = "The database {0} is to be the bot's scratch copy, and it holds tables that the bot did not put there."
    remedy = "Nothing was changed there. Name another one: scratch_database in [sites.NAME.mysql]."


class DumpIncomplete(ReleaseError):
    problem = "The dump of {0} ended well but is not whole: {1}"
    remedy = "Production is untouched. Look at the disk of the bot's machine, then start again."


class NotAsDumped(ReleaseError):
    problem = "{0} was restored from {1} and is not what was dumped: {2}"
    remedy = (
        "Look at the database before anything else. The dump is kept: see docs/mysql.md for how to load it."
    )
