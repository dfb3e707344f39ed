"""What every table of the settings is."""

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
)

COMMAND_NAME = r"^/[a-z0-9_-]{1,31}$"
SlashCommand = Annotated[str, StringConstraints(pattern=COMMAND_NAME)]
PersonOrGroup = Annotated[str, StringConstraints(pattern=r"^[UWS][A-Z0-9]{2,20}$")]


SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
