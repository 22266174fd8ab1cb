"""What does pydantic object to, in words for people? Locations and texts that quote no value."""

import re
from collections.abc import Iterator
from inspect import isclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from aol_broker.yaml_events import Location
from aol_broker.yaml_text import did_you_mean

_EXPECTED = re.compile(r"'([^']+)'")


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Location, str]]:
    """Yield where and what, for each thing that is wrong with the data given to `model`."""
    for item in error.errors(include_url=False):
        location, inside = _walked(model, tuple(part for part in item["loc"] if part != "[key]"))
        context = item.get("ctx", {})
        match item["type"]:
            case "extra_forbidden":
                yield location, "unknown key" + did_you_mean(location[-1], _names_of(inside))
            case "union_tag_invalid":
                known = _EXPECTED.findall(context["expected_tags"])
                hint = did_you_mean(context["tag"], known)
                yield (*location, context["discriminator"].strip("'")), f"is none of {', '.join(known)}{hint}"
            case "union_tag_not_found":
                yield (*location, context["discriminator"].strip("'")), "is required"
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
    return next(iter(_inner_models(annotation)), None)


def _inner_models(annotation: object) -> list[type[BaseModel]]:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _inner_models(part)]


def _walked(model: type[BaseModel], path: Location) -> tuple[Location, type[BaseModel] | None]:
    """Return a path as people write it, and the model that its last part is in.

    pydantic adds which one of several models it took, by the value of the field that tells them apart.
    """
    location: list[str | int] = []
    inside: type[BaseModel] | None = model
    choices: dict[Any, type[BaseModel]] = {}
    for place, part in enumerate(path):
        if part in choices:
            inside, choices = choices[part], {}
            continue
        location.append(part)
        info = _fields(inside).get(str(part)) if isinstance(part, str) else None
        # A list position or the key of a free mapping leads nowhere else: its model was taken with the field.
        if info is not None and place < len(path) - 1:
            models = _inner_models(info)
            inside = models[0] if models else None
            choices = {tag: each for each in models for tag in _tags(each)} if len(models) > 1 else {}
    return tuple(location), inside


def _tags(model: type[BaseModel]) -> list[Any]:
    """Return what tells a model from others: the values of its literals that allow one."""
    literals = [info.annotation for info in model.model_fields.values() if get_origin(info.annotation) is Literal]
    return [get_args(literal)[0] for literal in literals if len(get_args(literal)) == 1]


def _fields(model: type[BaseModel] | None) -> dict[str, Any]:
    return {} if model is None else {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _names_of(model: type[BaseModel] | None) -> list[str]:
    return list(_fields(model))
