"""The operator's log: one line an event, a constant message and its fields, on standard error."""

import logging
import sys

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Fields(logging.Formatter):
    """`time level logger: message key=value ...`"""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = " ".join(f"{key}={value!r}" for key, value in vars(record).items() if key not in _OWN)
        head, separator, trace = line.partition("\n")
        return f"{head} {fields}".rstrip() + separator + trace


def set_up_logs(level: str) -> None:
    """Our own log at `level`; the libraries' only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Fields("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("bot", "commands", "release", "demo"):
        logging.getLogger(ours).setLevel(level)
    # The engine's logger does not propagate (facts about DBOS).
    engine = logging.getLogger("dbos")
    engine.handlers = [handler]
    engine.setLevel(logging.WARNING)
