"""A Slack of one's own: Web API, Socket Mode, HTTP deliveries and a page to type into. No account needed."""

from sandbox.slack.server import LocalSlack, start

__all__ = ["LocalSlack", "start"]
