"""What every table of the settings is."""

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
)

COMMAND_NAME = r"^/[a-z0-9_-]{1,31}$"
SlashCommand = Annotated[str, StringConstraints(pattern=COMMAND_NAME)]


def _is_a_holder(member: str) -> str:
    if not re.fullmatch(r"[UWS][A-Z0-9]{2,20}", member):
        raise ValueError("is no id of a person (U...) or group (S...)")
    return member


def _is_a_name(site: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", site):
        raise ValueError("is no name of a site: small letters, digits and dashes, 40 at most")
    return site


# Not as patterns: those are told as they stand, which helps nobody.
PersonOrGroup = Annotated[str, AfterValidator(_is_a_holder)]
SiteName = Annotated[str, AfterValidator(_is_a_name)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
