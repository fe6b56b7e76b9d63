"""What the environment says of the robot: how long things take, and where the records are fetched."""

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workmill import ConfigError

PREFIX = "ROBOT_"


class Settings(BaseModel):
    """The variables `ROBOT_…`, each by the name of its field in capitals."""

    model_config = ConfigDict(frozen=True)

    records_url: str = Field("http://127.0.0.1:8090", pattern=r"^http://[^/?#]+$")
    soonest_seconds: float = Field(5.0, ge=0)
    """How long after its storing a registration is done at the earliest,"""
    latest_seconds: float = Field(15.0, ge=0)
    """and at the latest."""
    work_seconds: float = Field(0.3, ge=0)
    """How long the work on a record takes."""

    @model_validator(mode="after")
    def _ordered(self) -> "Settings":
        if self.latest_seconds < self.soonest_seconds:
            raise ValueError("latest_seconds is less than soonest_seconds; exchange them")
        return self


def settings_of(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: A variable cannot be what it is.
    """
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    given = {names[name]: value for name, value in environment.items() if name in names}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        said = error.errors()[0]
        where = "".join(f"{PREFIX}{str(part).upper()}={said['input']!r}: " for part in said["loc"])
        raise ConfigError(f"{where}{said['msg']}; correct the variable, or unset it") from error
