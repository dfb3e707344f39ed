"""What can go wrong in a release: one class a cause, and each says what to do next.

Arguments are positional only: the engine stores an error as its class and `args` and builds it
again from them. Never put a secret into an argument.
"""


class ReleaseError(Exception):
    """A failure a person can act on: `problem` says what happened, `remedy` what to do."""

    problem = "{0}"
    remedy = "Look at the bot's log for this release, then try again."

    def __str__(self) -> str:
        return self.problem.format(*self.args)

    @property
    def advice(self) -> str:
        """What the person should do next, one or two sentences."""
        return self.remedy.format(*self.args)


class SiteBusy(ReleaseError):
    problem = "{0} is busy with {1} ({2}), started by {3}."
    remedy = "Wait for it to end, decide it in its thread, or stop it with /ghost cancel {0}."


class UnknownSite(ReleaseError):
    problem = "There is no site called {0}."
    remedy = "Choose one of: {1}."


class SiteNeeded(ReleaseError):
    problem = "Several sites are configured, so say which one."
    remedy = "Add the site's name at the end, one of: {0}."


class NotForThisSite(ReleaseError):
    problem = "{0} is a site of another kind ({1}): it has no such release."
    remedy = "See /ghost help {0} for what it can do."


class NothingToRollBack(ReleaseError):
    problem = "{0} has no release that can be rolled back."
    remedy = "A rollback needs a release that went live, with the one before still on staging: see /ghost history {0}."


class NoLongerLive(ReleaseError):
    problem = "Production of {0} no longer runs what this release put there."
    remedy = "See /ghost status {0}, and roll back from the newest release."


class NothingToCancel(ReleaseError):
    problem = "No release of {0} is under way."
    remedy = "See /ghost history {0} for how the last ones ended."


class NothingScheduled(ReleaseError):
    problem = "Nothing that waits is called {0}."
    remedy = "See /ghost scheduled for what waits, and its thread for a release that has begun."


class NotSkipped(ReleaseError):
    problem = "Ghost {0} is not skipped{1}."
    remedy = "See /ghost versions for the newest versions and which of them are skipped."


class NoOldSlot(ReleaseError):
    problem = "No old version of {0} runs on its staging slot that this release left there."
    remedy = "See /ghost status {0} for what runs there now."


class TooLateToCancel(ReleaseError):
    problem = "{0} can no longer be cancelled: the swap has been asked for."
    remedy = "Wait for it to end, then roll back with /ghost rollback {1} if you must."


class BeingWatched(ReleaseError):
    problem = "{0} went live just now and is still being watched ({1})."
    remedy = "Press Swap back now in its thread: that is the quickest way back."


class NotWatched(ReleaseError):
    problem = "{0} is not being watched any more: it is {1}."
    remedy = "If it is live, /ghost rollback {2} takes it back."


class Cancelled(ReleaseError):
    """Raised between two steps when a person asked for it: an end, not a defect."""

    problem = "{0} was cancelled by {1}."
    remedy = "Production was not touched. Start again whenever you like."


class NotPermitted(ReleaseError):
    problem = "{0}"
    remedy = "{1}"


class Unexpected(ReleaseError):
    """A defect of ours, told without its traceback (that is in the log)."""

    problem = "Something unexpected happened during {0} ({1})."
    remedy = "The bot's log has the details under release {2}. {3}"
