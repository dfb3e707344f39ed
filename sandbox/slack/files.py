"""Uploaded files: a ticket, the bytes, then shared in a conversation."""

import mimetypes
from pathlib import PurePosixPath

from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import TEAM_ID, Json, SlackRefusal, new_id, now
from sandbox.slack.store import Store

PREVIEWED = 5  # lines of a text that a message shows
PICTURES = ("png", "jpg", "jpeg", "gif")
LARGEST = 1_000_000_000  # bytes, as Slack allows for one file


class Files:
    """Files by id: the description in the store, the bytes beside it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.folder / "files"
        self._folder.mkdir(exist_ok=True)

    def ticket(self, name: str, length: int, alt_text: str) -> Json:
        """Announce a file; its bytes must follow, exactly ``length`` of them."""
        if length <= 0:
            raise SlackRefusal("missing_argument")
        if length > LARGEST:
            raise SlackRefusal("file_upload_size_restricted")
        if len(alt_text) > 1000:
            raise SlackRefusal("alt_txt_too_large")
        identifier = new_id("F")
        # Only the last part: a path in a file name must not lead anywhere.
        clean = PurePosixPath(name.replace("\\", "/")).name or "file"
        kind = mimetypes.guess_type(clean)[0] or "application/octet-stream"
        file: Json = {
            "id": identifier,
            "created": int(now()),
            "timestamp": int(now()),
            "name": clean,
            "title": clean,
            "mimetype": kind,
            "filetype": clean.rpartition(".")[2].lower() or "binary",
            "pretty_type": (clean.rpartition(".")[2] or "Binary").upper(),
            "user": BOT_USER,
            "user_team": TEAM_ID,
            "editable": False,
            "size": length,
            "mode": "hosted",
            "is_external": False,
            "is_public": False,
            "alt_txt": alt_text,
            "channels": [],
            "_state": "announced",
        }
        self._store.put("file", identifier, file)
        return file

    def receive(self, identifier: str, content: bytes) -> bool:
        """Keep the bytes; False when they are not what was announced."""
        file = self._store.get("file", identifier)
        if file is None or file["_state"] != "announced" or len(content) != file["size"]:
            return False
        (self._folder / identifier).write_bytes(content)
        self._store.put("file", identifier, file | {"_state": "uploaded"})
        return True

    def complete(self, identifier: str, title: str | None, channels: list[str]) -> Json:
        """The file is shared (or just kept when there is no channel)."""
        file = self._store.get("file", identifier)
        if file is None or file["_state"] != "uploaded":
            raise SlackRefusal("file_not_found")
        file |= {
            "_state": "complete",
            "_completed_at": now(),
            "title": title or file["name"],
            "channels": channels,
        }
        if str(file["mimetype"]).startswith("text/"):
            lines = self.content(identifier).decode("utf-8", "replace").splitlines()
            more = max(0, len(lines) - PREVIEWED)
            shown = "\n".join(lines[:PREVIEWED])
            file |= {
                "preview": shown,
                "lines": len(lines),
                "lines_more": more,
                "preview_is_truncated": more > 0,
            }
        self._store.put("file", identifier, file)
        return file

    def find(self, identifier: str) -> Json | None:
        """The description of a complete file, or None."""
        file = self._store.get("file", identifier)
        return file if file is not None and file["_state"] == "complete" else None

    def picture(self, identifier: str, seconds: float) -> Json | None:
        """A file that a block may show: a picture, uploaded that many seconds ago; Slack looks through files first."""
        file = self.find(identifier)
        if file is None or file["filetype"] not in PICTURES:
            return None
        return file if now() - file["_completed_at"] >= seconds else None

    def content(self, identifier: str) -> bytes:
        """The bytes of a complete file."""
        return (self._folder / identifier).read_bytes()
