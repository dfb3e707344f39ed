"""Where the local Slack keeps what must survive a restart: one small SQLite file."""

import json
import sqlite3
from pathlib import Path

from sandbox.slack.shapes import Json


class Store:
    """JSON objects by kind and id. A write that returned survives a killed process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._database = sqlite3.connect(folder / "slack.db", isolation_level=None, check_same_thread=False)
        # The sandbox may be killed but the machine will not lose power: no need to wait for the disk.
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS things (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))"
        )

    def put(self, kind: str, identifier: str, body: Json) -> None:
        """Keep ``body`` under its kind and id, replacing what was there."""
        self._database.execute(
            "INSERT OR REPLACE INTO things VALUES (?, ?, ?)", (kind, identifier, json.dumps(body))
        )

    def drop(self, kind: str, identifier: str) -> None:
        """Forget one object; nothing happens when there is none."""
        self._database.execute("DELETE FROM things WHERE kind = ? AND id = ?", (kind, identifier))

    def get(self, kind: str, identifier: str) -> Json | None:
        """One object, or None."""
        row = self._database.execute(
            "SELECT body FROM things WHERE kind = ? AND id = ?", (kind, identifier)
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def all(self, kind: str) -> list[Json]:
        """All objects of a kind, in the order of their ids."""
        rows = self._database.execute("SELECT body FROM things WHERE kind = ? ORDER BY id", (kind,))
        return [dict(json.loads(row[0])) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()
