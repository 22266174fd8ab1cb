"""What does pydantic object to, in words for people? Locations and texts that quote no value."""

import re
from collections.abc import Iterator
from inspect import isclass
from typing import get_args

from pydantic import BaseModel, ValidationError

from aol_broker.yaml_text import Location, did_you_mean

_EXPECTED = re.compile(r"'([^']+)'")


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Location, str]]:
    """Yield where and what, for each thing that is wrong with the data given to `model`."""
    for item in error.errors(include_url=False):
        location = tuple(part for part in item["loc"] if part != "[key]")
        context = item.get("ctx", {})
        match item["type"]:
            case "extra_forbidden":
                yield location, "unknown key" + did_you_mean(location[-1], _names_at(model, location[:-1]))
            case "missing":
                yield location, "is required"
            case "literal_error" | "enum":
                known = _EXPECTED.findall(str(context.get("expected", "")))
                yield location, f"is none of {', '.join(known)}{did_you_mean(item['input'], known)}"
            case "value_error":
                yield location, str(context.get("error", "is refused"))
            case "string_type" if isinstance(item["input"], bool | int | float):
                yield location, "should be text; put it in quotes if it is meant as text"
            case _:
                yield location, item["msg"].removeprefix("Input ")


def inner_model(annotation: object) -> type[BaseModel] | None:
    """Return the model inside an annotation such as `list[Model] | None`, if there is one."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := inner_model(part)) is not None), None)


def _names_at(model: type[BaseModel], location: Location) -> list[str]:
    at: type[BaseModel] | None = model
    for part in location:
        if at is None:
            return []
        fields = {info.alias or name: info.annotation for name, info in at.model_fields.items()}
        # A list position or the key of a free mapping leads nowhere else: its model was taken with the field.
        if part in fields:
            at = inner_model(fields[str(part)])
    return [info.alias or name for name, info in at.model_fields.items()] if at is not None else []
