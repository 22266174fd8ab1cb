"""What is a schema hint? Field paths, the types that their values have, and the rules that they keep to."""

from collections.abc import Mapping

import orjson

from aol_wire.errors import DataError, Reason, Violation
from aol_wire.field_rules import (
    ITEMS,
    NO_RULES,
    PROPERTIES,
    RULES,
    TYPE,
    TYPES,
    FieldRules,
    SchemaHint,
    means_rules,
    read_rules,
    write_field_rules,
)
from aol_wire.filters import Json
from aol_wire.json_text import decode
from aol_wire.limits import PATH_MAX_SEGMENTS, SCHEMA_HINT_MAX_BYTES, SCHEMA_HINT_MAX_PATHS
from aol_wire.paths import parse_path, shown

__all__ = ["TYPES", "SchemaHint", "parse_schema_hint", "read_schema_hint"]

_ROOT = "schema_hint"
_ELEMENT: tuple[str, ...] = ()

_TYPE_PROBLEM = f"its type is one of {', '.join(TYPES)}"


def read_schema_hint(text: str) -> SchemaHint:
    """Return the hint that a JSON text holds, as `parse_schema_hint` does; an empty text is an empty hint.

    :raises DataError: BAD_REQUEST, TOO_LARGE.
    """
    if not text:
        return SchemaHint()
    return parse_schema_hint(decode(text, Reason.BAD_REQUEST, _ROOT, SCHEMA_HINT_MAX_BYTES))


def parse_schema_hint(hint: Json) -> SchemaHint:
    """Return what a hint says, by dotted path. A field is a type name, or an object of its type and rules.

    Any other object stands for nested paths (`aol_wire.field_rules.means_rules` tells the two apart).

    :raises DataError: BAD_REQUEST, with everything that is wrong, each by the place where it stands; TOO_LARGE.
    """
    if not isinstance(hint, dict):
        raise DataError.invalid(Reason.BAD_REQUEST, _ROOT, "it is an object: field path -> type name")
    reader = _Reader()
    found = _Flat()
    reader.fields(hint, (), (), found)
    reader.check_reachable(found)
    if reader.violations:
        message = "; ".join(f"{_ROOT}.{item.path}: {item.description}" for item in reader.violations)
        raise DataError(Reason.BAD_REQUEST, message, violations=tuple(reader.violations))
    size_bytes = len(orjson.dumps(found.types)) + len(orjson.dumps(write_field_rules(found.rules, found.types)))
    if size_bytes > SCHEMA_HINT_MAX_BYTES:
        description = f"at most {SCHEMA_HINT_MAX_BYTES:,} bytes with every path written out, not {size_bytes:,}"
        raise DataError.invalid(Reason.TOO_LARGE, _ROOT, description)
    return found.hint()


class _Flat:
    """A hint while it is read, and where each of its fields stands."""

    def __init__(self) -> None:
        self.types: dict[str, str] = {}
        self.rules: dict[str, FieldRules] = {}
        self.places: dict[str, tuple[str, ...]] = {}

    def hint(self) -> SchemaHint:
        return SchemaHint(self.types, self.rules)


class _Reader:
    """Reads a hint, and gathers what is wrong with it."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._paths = 0

    def fields(self, said: Mapping[str, Json], path: tuple[str, ...], place: tuple[str, ...], found: _Flat) -> None:
        """Read the fields under a path. `place` is where they stand, which rules about objects make longer."""
        for key, value in said.items():
            self._field(value, (*path, key), (*place, key), found)

    def _field(self, said: Json, path: tuple[str, ...], place: tuple[str, ...], found: _Flat) -> None:
        if not isinstance(said, dict):
            self._put(said, path, place, found)
        elif means_rules(said):
            self._put(said[TYPE], path, place, found, (*place, TYPE))
            self._ruled(said, path, place, found)
        elif len(path) < PATH_MAX_SEGMENTS:
            self.fields(said, path, place, found)
        else:
            self._wrong(place, f"a path has at most {PATH_MAX_SEGMENTS} segments")

    def _put(
        self,
        kind: Json,
        path: tuple[str, ...],
        place: tuple[str, ...],
        found: _Flat,
        of_type: tuple[str, ...] | None = None,
    ) -> None:
        self._paths += 1
        if self._paths > SCHEMA_HINT_MAX_PATHS:
            raise DataError.invalid(Reason.TOO_LARGE, _ROOT, f"at most {SCHEMA_HINT_MAX_PATHS:,} paths")
        name = ".".join(path)
        if name in found.types:
            self._wrong(place, "the path stands in the hint twice")
        elif not isinstance(kind, str) or kind not in TYPES:
            stray = path != _ELEMENT and path[-1] in RULES and not isinstance(kind, str)
            also = "; rules of a field stand beside its type" if stray else ""
            self._wrong(of_type or place, _TYPE_PROBLEM + also)
        elif path != _ELEMENT and (problem := _path_problem(name)):
            self._wrong(place, problem)
        else:
            found.types[name], found.places[name] = kind, place

    def _ruled(self, said: dict[str, Json], path: tuple[str, ...], place: tuple[str, ...], found: _Flat) -> None:
        """Read the rules of a field, and what they say of the fields or the elements in it."""
        name, kind = ".".join(path), said[TYPE]
        if found.types.get(name) != kind or found.places[name] != place:
            return  # its type or its path is wrong, which has been said
        items = self._items(said[ITEMS], (*place, ITEMS)) if ITEMS in said and kind == "array" else None
        rules, problems = read_rules(said, str(kind), items)
        for where, what in problems:
            self._wrong((*place, *where), what)
        if rules != NO_RULES:
            found.rules[name] = rules
        inner = said.get(PROPERTIES)
        if isinstance(inner, dict) and kind == "object":
            if len(path) < PATH_MAX_SEGMENTS:
                self.fields(inner, path, (*place, PROPERTIES), found)
            else:
                self._wrong(place, f"a path has at most {PATH_MAX_SEGMENTS} segments")

    def _items(self, said: Json, place: tuple[str, ...]) -> SchemaHint:
        found = _Flat()
        if isinstance(said, dict) and not means_rules(said):
            self._put("object", _ELEMENT, place, found)
            self.fields(said, _ELEMENT, place, found)
        else:
            self._field(said, _ELEMENT, place, found)
        self.check_reachable(found)
        return found.hint()

    def check_reachable(self, found: _Flat) -> None:
        """Gather what is required under something that is no object: it can never be there."""
        for name, rules in found.rules.items():
            if not rules.required:
                continue
            for above in _above(name):
                kind = found.types.get(above, "object")
                if kind != "object":
                    where = f"'{shown([above])}'" if above else "the element"
                    self._wrong(found.places[name], f"is required, but {where} is {kind}, which has no fields")
                    break

    def _wrong(self, place: tuple[str, ...], what: str) -> None:
        self.violations.append(Violation(shown(place), what))


def _above(name: str) -> list[str]:
    """Return the paths that a path lies under, in the hint of elements the element itself too."""
    if not name:
        return []
    segments = name.split(".")
    return ["", *(".".join(segments[:size]) for size in range(1, len(segments)))]


def _path_problem(name: str) -> str:
    try:
        parse_path(name, index=True)
    except DataError as error:
        # The description alone: the violation names the path.
        return error.violations[0].description
    return ""
