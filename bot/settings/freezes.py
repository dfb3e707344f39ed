"""Times in which nothing new goes live, each week or once."""

from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from bot.settings.part import Part, SiteName
from release.freezes import FreezeWindow, times_of


class FreezeSettings(Part):
    """From a weekday and time to another (`fri 16:00`, `mon 07:00`), or from a date to another."""

    begins: str
    ends: str
    zone: str = "UTC"
    sites: tuple[SiteName, ...] = ()
    reason: str = ""

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{zone} is no time zone, as Europe/Berlin is") from error
        return zone

    @model_validator(mode="after")
    def _are_times(self) -> Self:
        times_of(self.begins, self.ends)
        return self

    def window(self) -> FreezeWindow:
        return FreezeWindow(times_of(self.begins, self.ends), ZoneInfo(self.zone), self.sites, self.reason)
