"""What Azure can answer, as causes a person can act on."""

from release.errors import ReleaseError


class AzureRefused(ReleaseError):
    problem = "Azure refused {0}: {1}"
    remedy = (
        "Give the bot's identity the role Website Contributor on the site and its slot, "
        "and check AZURE_CLIENT_ID and its secret. Then try again."
    )


class SiteMissing(ReleaseError):
    problem = "Azure knows no {0}."
    remedy = (
        "Check the site's app, slot and resource group in ghostbot.toml. A missing slot is made with "
        "`az webapp deployment slot create`; slots need a Standard plan or better."
    )


class AzureUnavailable(ReleaseError):
    problem = "Azure did not answer {0} properly: {1}"
    remedy = "Production is as it was. Look at Azure's status page, wait a few minutes and try again."


class SwapRefused(ReleaseError):
    problem = "Azure did not swap: {0}"
    remedy = "Production still runs the old version. Look at the staging slot's log, then start again."


class SwapUncertain(ReleaseError):
    problem = "The swap was asked for, but Azure does not say how it ended: {0}"
    remedy = (
        "Look at production's version with /ghost status before doing anything; "
        "if staging and production have changed places, the swap happened."
    )


class ScmUnreachable(ReleaseError):
    problem = "The SCM site (Kudu) of {0} does not answer: {1}"
    remedy = (
        "Production is untouched. Start the SCM site (a stopped app, an IP restriction or a recycling "
        "container keep it away), then try again."
    )


class ScmRefused(ReleaseError):
    problem = "The SCM site (Kudu) of {0} refused {1}: {2}"
    remedy = "Give the bot's identity Website Contributor on that slot, or turn on what was refused."


class FileMissing(ReleaseError):
    problem = "{0} has no file {1}."
    remedy = "Check the content and database folders of this site in ghostbot.toml."


class TransferBroken(ReleaseError):
    problem = "Copying {0} stopped short: {1}"
    remedy = "Production is untouched. Try again; if it keeps happening, look at the slot's disk space."


class BotDiskTrouble(ReleaseError):
    problem = "{0} could not be written to the bot's own disk: {1}"
    remedy = "Production is untouched. Free space in the bot's data folder, then start again."


class BotDiskUnreadable(ReleaseError):
    problem = "{0} cannot be read from the bot's own disk: {1}"
    remedy = "Look at the bot's data folder and its disk, then start again."


class SlotFull(ReleaseError):
    problem = "The disk of {0} is full: {1}"
    remedy = "Production is untouched. Free space on the plan (all its slots share it), then try again."


class DeploymentFailed(ReleaseError):
    problem = "The deployment to {0} failed: {1}"
    remedy = "Production is untouched. Read the deployment's log in Kudu, then start again."


class DeploymentStuck(ReleaseError):
    problem = "The deployment to {0} has not ended after {1} minutes."
    remedy = "Production is untouched. Restart the slot's SCM site, then start again."


class DeploymentBusy(ReleaseError):
    problem = "Another deployment to {0} has not ended after {1} minutes."
    remedy = "Production is untouched. Wait for it, or stop it by restarting the slot's SCM site; then start again."


class WebJobMissing(ReleaseError):
    problem = "{0} has no triggered WebJob {1}."
    remedy = "Put the one from docs/webjob on the site (its README says how), or name yours in ghostbot.toml."


class WebJobFailed(ReleaseError):
    problem = "The WebJob {0} of {1} ended as {2}. {3}"
    remedy = "Production is untouched. Read the WebJob's log in Kudu, repair it and start again."


class WebJobStuck(ReleaseError):
    problem = "The WebJob {0} of {1} has not ended after {2} seconds. The backup was not made."
    remedy = (
        "Production is untouched. Read the WebJob's log in Kudu, stop it there, repair it and start again."
    )


class WebJobBusy(ReleaseError):
    problem = "The WebJob {0} of {1} is already running, or has been disabled."
    remedy = "Production is untouched. Look at it in the portal (WebJobs), then start again."


class SlotDidNotStart(ReleaseError):
    problem = "{0} did not get ready within {1} seconds: {2}"
    remedy = (
        "Production is untouched. Read its log (/ghost logs, or the portal's Log stream), then start again."
    )


class StorageUnavailable(ReleaseError):
    problem = "The storage {0} did not answer properly when {1}: {2}"
    remedy = (
        "Look at the storage account (its network rules, its state) and at Azure's status page; "
        "`ghostbot check` tries it. Then start again."
    )


class StorageRefused(ReleaseError):
    problem = "The storage {0} refused {1}: {2}"
    remedy = (
        "Give the bot's identity the role Storage Blob Data Contributor on the container, "
        "or check connection_string in [storage]. Then start again."
    )


class StorageMissing(ReleaseError):
    problem = "There is no storage {0}: {1}"
    remedy = (
        "Check container in [storage]; `az storage container create` makes it. It has to be a private one."
    )
