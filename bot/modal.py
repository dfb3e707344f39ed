"""A modal that is open before Slack is asked who clicked: three seconds after a click Slack opens none."""

import logging

from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.identity import SLACK_TROUBLE, SlackSilent
from bot.refusals import slack_error

log = logging.getLogger(__name__)


class Modal:
    """The modal of one click, whose `trigger` opens it once. `trouble` is why it is not open."""

    def __init__(self, client: AsyncWebClient, trigger: str) -> None:
        self._client = client
        self._trigger = trigger
        self._id = ""
        self.trouble = SlackSilent("your reason", "no answer")

    @property
    def is_open(self) -> bool:
        """Whether it was opened; its person may have closed it since."""
        return bool(self._id)

    async def open(self, view: View) -> None:
        """Show it; where Slack does not, `trouble` says why, for when its person is known."""
        try:
            opened = await self._client.views_open(trigger_id=self._trigger, view=view)
        except SlackApiError as error:
            self.trouble = SlackSilent("your reason", slack_error(error))
        except SLACK_TROUBLE as error:
            log.warning("A modal could not be opened", extra={"why": str(error)})
        else:
            self._id = str(opened["view"]["id"])

    async def show(self, view: View) -> None:
        """Show this in its place, unless it is closed by now."""
        if not self._id:
            return
        try:
            await self._client.views_update(view_id=self._id, view=view)
        except SLACK_TROUBLE as error:
            log.info("A modal is not there any more", extra={"why": str(error)})
