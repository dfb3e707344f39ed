"""What people type for an artefact, understood: an address, a blob, or a file of the site's folder."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from release.artefacts.errors import NotAnArtefact
from release.masking import masked, without_secrets

LONGEST = 1000
_SECRET_NAMES = re.compile(
    r"(.*[-_.])?(sig|sas|jwt|auth|pass|pwd|bearer)|code"
    r"|.*(key|token|signature|secret|password|passwd|passphrase|credentials?|authorization)",
    re.IGNORECASE,
)


class Place(StrEnum):
    ADDRESS = "address"
    FOLDER = "folder"
    CONTAINER = "container"
    ANYWHERE = "anywhere"


@dataclass(frozen=True)
class Reference:
    """Where an artefact is. `where` is the address, or the path in its folder or container.

    A bare name is `ANYWHERE`: of the folder where the site has one, else of its container.
    """

    place: Place
    where: str

    @property
    def name(self) -> str:
        """The file's name without `.zip`: what people call it."""
        path = unquote(urlsplit(self.where).path) if self.place is Place.ADDRESS else self.where
        last = path.rstrip("/").rpartition("/")[2]
        return re.sub(r"[^\w.+-]", "-", last.removesuffix(".zip"))[:80] or "artefact"

    def beside(self, name: str) -> "Reference":
        """A file in the same place under another name; of an address the query is left out."""
        if self.place is Place.ADDRESS:
            parts = urlsplit(self.where)
            path = f"{parts.path.rpartition('/')[0]}/{name}"
            return Reference(self.place, parts._replace(path=path, query="").geturl())
        folder = self.where.rpartition("/")[0]
        return Reference(self.place, f"{folder}/{name}" if folder else name)

    @property
    def file(self) -> str:
        """The last part of its path, as it is written there."""
        path = urlsplit(self.where).path if self.place is Place.ADDRESS else self.where
        return path.rpartition("/")[2]


def reference(text: str) -> Reference:
    """What `text` refers to. Raises NotAnArtefact, and for an address that carries a secret as well."""
    if not text or len(text) > LONGEST or not text.isprintable():
        raise NotAnArtefact(_shown(text), "it is empty, very long, or holds what cannot be printed")
    if "://" in text:
        return Reference(Place.ADDRESS, _address(text))
    if text.startswith("blob:"):
        return Reference(Place.CONTAINER, _path(text.removeprefix("blob:")))
    if text.startswith("file:"):
        return Reference(Place.FOLDER, _path(text.removeprefix("file:")))
    return Reference(Place.ANYWHERE, _path(text))


def _shown(text: str) -> str:
    """What is said of a text that is refused."""
    return masked(without_secrets(text))[:80]


def _path(text: str) -> str:
    parts = text.split("/")
    if "" in parts or "." in parts or ".." in parts or "\\" in text:
        raise NotAnArtefact(_shown(text), "a path in the folder or container has no empty part and no dots")
    return text


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise NotAnArtefact(_shown(text), "it cannot be read as an address") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0 or not parts.path.strip("/"):
        raise NotAnArtefact(_shown(text), "an address begins with https://, names a host and a file")
    asked = parse_qsl(parts.query, keep_blank_values=True)
    if parts.username or parts.password or any(_SECRET_NAMES.fullmatch(name) for name, _ in asked):
        # It would stand in Slack, in the thread, in the audit: for all to read.
        raise NotAnArtefact(
            f"{parts.scheme}://{parts.hostname}{parts.path}"[:80],
            "it carries a password or a signature, which all who read along could use",
        )
    return parts._replace(fragment="").geturl()
