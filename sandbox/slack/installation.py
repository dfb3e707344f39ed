"""The app in the workspace: its manifest, its tokens and its secret, made once and kept."""

import secrets

from sandbox.slack.manifest import PERMISSIVE, Manifest, read_manifest
from sandbox.slack.people import BOT_USER, People
from sandbox.slack.shapes import Json
from sandbox.slack.store import Store

APP_ID = "A0GHOSTBOT1"
BOT_ID = "B0GHOSTBOT1"


class Installation:
    """One installed app. Tokens are drawn at random at the first start and survive restarts."""

    def __init__(self, store: Store, people: People) -> None:
        self._store = store
        self._people = people
        kept = store.get("app", "app")
        if kept is None:
            kept = {
                "bot_token": f"xoxb-{_digits(12)}-{_digits(13)}-{secrets.token_urlsafe(18)}",
                "app_token": f"xapp-1-{APP_ID}-{_digits(13)}-{secrets.token_hex(32)}",
                "signing_secret": secrets.token_hex(16),
                "verification_token": secrets.token_urlsafe(18),
                "manifest": PERMISSIVE,
            }
        self._kept = kept
        self.manifest: Manifest = read_manifest(kept["manifest"])
        self.bot_token = str(kept["bot_token"])
        self.app_token = str(kept["app_token"])
        self.signing_secret = str(kept["signing_secret"])
        self.verification_token = str(kept["verification_token"])
        self.events_url_verified = False
        self.install(self.manifest)

    def install(self, manifest: Manifest) -> None:
        """Install the app again with another manifest; tokens stay."""
        self.manifest = manifest
        self.events_url_verified = False
        self._kept["manifest"] = manifest.source
        self._store.put("app", "app", self._kept)
        bot_name = manifest.bot_name.lower().replace(" ", "")
        self._people.put_bot(bot_name, manifest.bot_name, APP_ID, BOT_ID)

    def bot_profile(self) -> Json:
        """The ``bot_profile`` that the bot's messages carry."""
        return {
            "id": BOT_ID,
            "app_id": APP_ID,
            "user_id": BOT_USER,
            "name": self.manifest.bot_name,
            "deleted": False,
            "updated": 1_700_000_000,
        }


def _digits(count: int) -> str:
    return "".join(secrets.choice("123456789") for _ in range(count))
