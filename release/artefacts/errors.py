"""Why an artefact is not deployed: one class a cause. Nothing was changed anywhere when one is raised."""

from release.errors import ReleaseError


class NotAnArtefact(ReleaseError):
    problem = "“{0}” is no artefact: {1}."
    remedy = "Name an https address, blob:NAME, or a file of the site's folder; it has to be a zip."


class NoSuchSource(ReleaseError):
    problem = "{0} takes no artefacts from there: {1}."
    remedy = "Set hosts, folder or the container in the site's deploy table (docs/settings.md)."


class HostNotAllowed(ReleaseError):
    problem = "Artefacts are not fetched from {0}."
    remedy = "Allowed are: {1}. Another one is added to hosts in the site's deploy table."


class PrivateAddress(ReleaseError):
    problem = "{0} is at {1}, which is no public address."
    remedy = "Artefacts come from there only with private_addresses = true in the site's deploy table."


class ArtefactMissing(ReleaseError):
    problem = "There is no artefact {0}."
    remedy = "Nothing was changed. Check its name, and that the build has put it there."


class ArtefactUnreachable(ReleaseError):
    problem = "The artefact {0} could not be fetched: {1}."
    remedy = "Nothing was changed. Look whether it can be had from the bot's machine, then start again."


class ArtefactTooLarge(ReleaseError):
    problem = "The artefact {0} is larger than {1} MB."
    remedy = "Nothing was changed. A larger limit is most_megabytes in the site's deploy table."


class WrongDigest(ReleaseError):
    problem = "The artefact {0} is not what it should be: its sha256 begins with {1}, expected was {2}."
    remedy = "Nothing was changed. Somebody replaced it, or the digest is of another build: find out which."


class UnsafeArtefact(ReleaseError):
    problem = "The artefact {0} was not unpacked: {1}."
    remedy = "Nothing was changed. Build it again as a plain zip of files."


class NoBundle(ReleaseError):
    problem = "The artefact {0} has no migrations: there is nothing in {1}."
    remedy = (
        "Nothing was changed. Have the build put them there, or set bundle in the site's migration table."
    )


class ArtefactGone(ReleaseError):
    problem = "What {0} fetched is no longer kept, and {1} holds something else now."
    remedy = "Start the release again: it takes what is there now."
