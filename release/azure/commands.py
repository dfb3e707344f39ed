"""Commands that run on a slot's SCM site (Kudu's api/command)."""

from dataclasses import dataclass

import httpx

from release.azure.scm import Scm
from release.masking import masked_end

# Kudu ends a command after 230 seconds (facts about Kudu).
COMMAND_SECONDS = 240.0


@dataclass(frozen=True)
class Ran:
    """What became of a command; `said` is its last line or two, with what looks like a secret hidden."""

    exit_code: int
    said: str


class Commands(Scm):
    """Of the slot's SCM site: on Linux a container of its own, with the same /home as the app."""

    async def run_command(self, command: str, folder: str) -> Ran:
        """Run it in a folder below /home, to its end. It may run twice: an answer that got lost is asked for again."""
        what = "running a command"
        response = await self._repeatable(
            "POST",
            f"{self._url}/api/command",
            json={"command": command, "dir": folder},
            timeout=httpx.Timeout(30, read=COMMAND_SECONDS),
        )
        body = self._json(self._expect(response, what, 200), what)
        try:
            lines = f"{body['Output']}\n{body['Error']}".split("\n")
            said = "; ".join(line.strip() for line in lines if line.strip())
            return Ran(int(body["ExitCode"]), masked_end(said, 300))
        except (KeyError, TypeError, ValueError) as error:
            raise self._unreadable(what) from error

    async def output_of(self, line: str, seconds: float) -> str | None:
        """What a line of shell wrote, as it is: foreign words. None where it failed. It goes out once."""
        what = "running a command"
        response = await self._once(
            "POST", f"{self._url}/api/command", json={"command": line, "dir": "/home"}, timeout=seconds
        )
        body = self._json(self._expect(response, what, 200), what)
        if not isinstance(body, dict) or not isinstance(body.get("ExitCode"), int):
            raise self._unreadable(what)
        return str(body.get("Output") or "") if body["ExitCode"] == 0 else None
