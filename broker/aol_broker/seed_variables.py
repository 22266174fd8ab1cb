"""Which variables do the seeds of a manifest name, and what do its documents become when these have values?"""

import re
from collections.abc import Iterator, Mapping

from aol_broker.yaml_events import Location
from aol_broker.yaml_text import YamlDocument
from aol_wire.filters import Json

MALFORMED = "a variable is written ${NAME}, of letters, digits and '_'; the text ${ itself is written $${"

# `$${` is the text `${`; what begins like a variable and is none has neither group.
_VARIABLE = re.compile(r"(\$\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")


class MissingVariableError(Exception):
    """A variable has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def is_malformed(text: str) -> bool:
    """Whether something in a text begins like a variable and is none."""
    return any(not found.group(1) and found.group(2) is None for found in _VARIABLE.finditer(text))


def variables_in(value: Json) -> Iterator[str]:
    """Yield the names of the variables in the texts of a value, as often as they stand there."""
    for _, text in texts_in(value):
        yield from _names(text)


def texts_in(value: Json, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """Yield the texts of a value and where they are; keys are none."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_in(inner, (*at, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from texts_in(inner, (*at, position))


def interpolated(value: Json, variables: Mapping[str, str]) -> Json:
    """Return a value with those of the variables in its texts. What is put in is not looked at again.

    :raises MissingVariableError: a variable has no value.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value(found, variables), value)
    if isinstance(value, dict):
        return {key: interpolated(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, variables) for inner in value]
    return value


def seeded_collections(document: YamlDocument) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield the collections of a manifest that have seeds, as `service.collection`; for each variable, its first line.

    Parts of the wrong form are passed over: they are for whoever checks the manifest.
    """
    metadata, spec = document.value.get("metadata"), document.value.get("spec")
    service = metadata.get("name") if isinstance(metadata, dict) else None
    requirements = spec.get("dataRequirements") if isinstance(spec, dict) else None
    if not isinstance(requirements, dict) or requirements.get("enabled") is False:
        return
    collections = requirements.get("collections")
    for number, collection in enumerate(collections if isinstance(collections, list) else ()):
        if not isinstance(collection, dict) or not collection.get("seeds"):
            continue
        lines: dict[str, int] = {}
        at: Location = ("spec", "dataRequirements", "collections", number, "seeds")
        for place, text in texts_in(collection["seeds"], at):
            for name in _names(text):
                lines.setdefault(name, document.line_of(place))
        yield f"{service}.{collection.get('name')}", lines


def _names(text: str) -> Iterator[str]:
    for found in _VARIABLE.finditer(text):
        if found.group(2) is not None:
            yield found.group(2)


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found.group(1):
        return "${"
    name = found.group(2)
    if name is None:
        return found.group()
    if name not in variables:
        raise MissingVariableError(name)
    return variables[name]
