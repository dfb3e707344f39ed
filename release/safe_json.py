"""How the engine's records are written: JSON, and only our own values and errors come out again.

The engine's default is pickle, and a row of it in the database is code that runs (facts about DBOS).
"""

import json
from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any

from dbos import Serializer
from dbos._serialization import DefaultSerializer
from pydantic import TypeAdapter

from release.errors import ReleaseError, Unexpected


class RefusedPickle(Exception):
    """A pickled row was found in the engine's tables; nothing of ours writes one."""


class RefusedRow(Exception):
    """A row of the engine's tables is no value of ours: another version wrote it, or somebody changed it."""


class SafeJson(Serializer):
    """JSON for plain values, the given frozen dataclasses, and every subclass of ReleaseError by name."""

    def __init__(self, values: Iterable[type]) -> None:
        self._types: dict[str, TypeAdapter[Any]] = {  # Any: values of several types
            kind.__qualname__: TypeAdapter(kind) for kind in values
        }

    def name(self) -> str:
        return "ghostbot_json"

    def serialize(self, data: Any) -> str:  # Any: whatever the engine hands over
        return json.dumps(data, default=self._encode, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:  # Any: as above
        """What was written. Raises RefusedRow for what `serialize` never writes."""
        try:
            return json.loads(serialized_data, object_hook=self._decode)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise RefusedRow("the engine's tables hold a row that this bot did not write") from error

    def _encode(self, value: object) -> dict[str, object]:
        if isinstance(value, ReleaseError):
            return {"!error": type(value).__qualname__, "args": [str(arg) for arg in value.args]}
        if isinstance(value, BaseException):
            # Its text may hold anything; the log has it, the database does not.
            return {"!error": "Unexpected", "args": ["a step", type(value).__name__, "", ""]}
        if is_dataclass(value) and type(value).__qualname__ in self._types:
            name = type(value).__qualname__
            return {"!value": name, "fields": self._types[name].dump_python(value, mode="json")}
        raise TypeError(f"{type(value).__name__} is not written to the engine's records")

    def _decode(self, row: dict[str, Any]) -> Any:  # Any: JSON in, values out
        if "!error" in row:
            known = _error_classes().get(row["!error"])
            # A class that only another version of the bot has.
            if known is None:
                return Unexpected("a step", str(row["!error"]), "", "")
            error = known(*(str(argument) for argument in row["args"]))
            str(error), error.advice
            return error
        if "!value" in row:
            return self._types[row["!value"]].validate_python(row["fields"])
        if row.keys() == {"args", "kwargs"}:  # a workflow's inputs, which the engine joins to a tuple
            return {**row, "args": tuple(row["args"])}
        return row


def _error_classes() -> dict[str, type[ReleaseError]]:
    found: dict[str, type[ReleaseError]] = {}
    waiting: list[type[ReleaseError]] = [ReleaseError]
    while waiting:
        kind = waiting.pop()
        found[kind.__qualname__] = kind
        waiting.extend(kind.__subclasses__())
    return found


def refuse_pickle() -> None:
    """From now on the engine's pickle reader raises: rows tagged as pickle are read with it whatever we configure."""

    def refuse(_self: object, _serialized: str) -> Any:  # Any: the replaced method's signature
        raise RefusedPickle("the engine's tables hold a pickled row, which is never read")

    DefaultSerializer.deserialize = refuse  # type: ignore[assignment,method-assign]  # the engine offers no switch for it
