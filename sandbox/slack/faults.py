"""Faults on demand: the next calls of a Web API method go wrong as told."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.slack.shapes import Json, NotPossible


@dataclass
class Fault:
    """What the next ``count`` calls of ``method`` (a name, or a pattern such as ``views.*``) meet.

    ``after``: the call is carried out and only its answer is lost, as when a connection breaks late.
    ``hang`` is in seconds.
    """

    method: str = "*"
    count: int = 1
    status: int | None = None
    error: str | None = None
    retry_after: int | None = None
    hang: float = 0.0
    drop: bool = False
    after: bool = False


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, wish: Json) -> None:
        """Order a fault; NotPossible when the wish makes no sense."""
        try:
            fault = Fault(**wish)
        except TypeError as error:
            raise NotPossible(f"Not a fault: {error}") from error
        if not (fault.status or fault.error or fault.retry_after is not None or fault.hang or fault.drop):
            raise NotPossible("A fault needs one of status, error, retry_after, hang or drop.")
        self._faults.append(fault)

    def clear(self) -> None:
        """Cancel all faults."""
        self._faults.clear()

    def all(self) -> list[Json]:
        """The faults still to come."""
        return [dict(vars(fault)) for fault in self._faults]

    def next_for(self, method: str) -> Fault | None:
        """The fault this call meets, counted down, or None."""
        for fault in self._faults:
            if fnmatchcase(method, fault.method):
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
                return fault
        return None
