"""A record as it goes from the records service to the robot."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from examples.robot.documents import LONGEST_DOCUMENT

MOST_RECORDS = 100

Document = Annotated[str, Field(max_length=LONGEST_DOCUMENT, description="An XML document")]
RecordId = Annotated[int, Field(ge=1, description="The number that the records service knows the record by")]
Count = Annotated[int, Field(ge=1, le=MOST_RECORDS, description="How many records a round fetches")]
Status = Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{0,31}$", description="What the service is told of the records")]


class Record(BaseModel):
    """One record."""

    model_config = ConfigDict(frozen=True)

    id: RecordId
    document: Document


class Taking(BaseModel):
    """What the service is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    count: Count
    by: Annotated[str, Field(min_length=1, max_length=100)]
    status: Status
