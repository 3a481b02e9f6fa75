"""Field types of the Basware entities: texts with their limits, numbers, dates, and the common base model.

Here: what several entities share. Not here: any entity, and any rule that a JSON schema cannot express.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StrictBool
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")


class Entity(BaseModel):
    """Base of all request entities: immutable, no unknown field, wire names as aliases.

    `None` stands for "not sent": null and absent are the same (Basware wire notes 2.17). Errors never show
    the value, which may be a bank account or a secret.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def _exact_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise PydanticCustomError("exact_number", "A number is given as Decimal or int only")
    return value


def _calendar_date(value: date | str) -> date | str:
    if isinstance(value, str):
        match = _DATE.fullmatch(value)
        if match is None:
            raise ValueError("a date is written CCYY-MM-DD, with a time behind a T at most")
        day = date.fromisoformat(match[1])
        return day if match[1] == value else value
    return value


Flag = StrictBool
Int32 = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Number = Annotated[Decimal, BeforeValidator(_exact_number)]
Percent = Annotated[Number, Field(ge=0, le=1_000_000_000)]
SignedPercent = Annotated[Number, Field(ge=-1_000_000_000, le=1_000_000_000)]
BusinessDate = Annotated[Annotated[date, Strict()] | str, AfterValidator(_calendar_date)]

Code25 = Annotated[str, Field(min_length=1, max_length=25)]
Code32 = Annotated[str, Field(min_length=1, max_length=32)]
Code36 = Annotated[str, Field(min_length=1, max_length=36)]
Code100 = Annotated[str, Field(min_length=1, max_length=100)]
Code250 = Annotated[str, Field(min_length=1, max_length=250)]
ExternalCode = Code36

Text25 = Annotated[str, Field(max_length=25)]
Text32 = Annotated[str, Field(max_length=32)]
Text36 = Annotated[str, Field(max_length=36)]
Text50 = Annotated[str, Field(max_length=50)]
Text100 = Annotated[str, Field(max_length=100)]
Text200 = Annotated[str, Field(max_length=200)]
Text250 = Annotated[str, Field(max_length=250)]
Text1000 = Annotated[str, Field(max_length=1000)]

CountryCode = Annotated[str, Field(min_length=2, max_length=2)]
CurrencyCode = Annotated[str, Field(min_length=3, max_length=3)]
OrderCurrencyCode = Annotated[str, Field(min_length=2, max_length=3)]


class FreeTexts5(Entity):
    """The five free texts."""

    text1: Text250 | None = None
    text2: Text250 | None = None
    text3: Text250 | None = None
    text4: Text250 | None = None
    text5: Text250 | None = None


class FreeTexts10(FreeTexts5):
    """The ten free texts."""

    text6: Text250 | None = None
    text7: Text250 | None = None
    text8: Text250 | None = None
    text9: Text250 | None = None
    text10: Text250 | None = None


class FreeNumbers(Entity):
    """The five free numbers."""

    numeric1: Number | None = None
    numeric2: Number | None = None
    numeric3: Number | None = None
    numeric4: Number | None = None
    numeric5: Number | None = None


class FreeDates(Entity):
    """The five free dates."""

    date1: BusinessDate | None = None
    date2: BusinessDate | None = None
    date3: BusinessDate | None = None
    date4: BusinessDate | None = None
    date5: BusinessDate | None = None
