"""How is YAML read quickly? By the events of libyaml, where a text has nothing unusual in it.

PyYAML's parser in Python decides what is YAML here and says what is wrong; it takes about fifteen times as long. So
whatever is not quite plain is left to it: what is read here, it reads the same.
"""

import re
from typing import NamedTuple

import yaml

from aol_wire.filters import Json

Location = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

_TAG = "tag:yaml.org,2002:"
# What escapes in quotes can make and no database keeps as text.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# What the two parsers read differently: tabs, ends of lines that are not of files, byte order marks; a comment that
# touches the sign of a block of text. And directives, as libyaml compares each with all of them: a text full of them
# would stop the whole process for ten seconds.
_UNUSUAL = re.compile(
    "[^\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)|[|>][-+0-9]*#|^%",
    re.MULTILINE,
)


class Plain(NamedTuple):
    """A mapping, the line of each key and element, counted from 1, and the text of each scalar as it was written."""

    value: dict[str, Json]
    lines: dict[Location, int]
    scalars: dict[Location, str]


def read_plain(text: str, *, max_depth: int, max_values: int) -> Plain | None:
    """Return what a text says; None when the other parser is to read it, or to refuse it.

    That is a text with anchors, aliases or tags, one that is no mapping, and whatever is wrong or beyond the bounds.
    """
    # PyYAML is installed without libyaml where that could not be built.
    made: type[yaml.CSafeLoader] | None = getattr(yaml, "CSafeLoader", None)
    if made is None or _UNUSUAL.search(text):
        return None
    composer = _Composer(made(text), max_depth, max_values, has_escapes="\\" in text)
    try:
        value = composer.document()
    except (_NotPlainError, yaml.YAMLError):
        return None
    return Plain(value, composer.lines, composer.scalars)


def is_storable(text: str) -> bool:
    """Whether a text is one that databases keep: without NUL and halves of surrogate pairs."""
    return _UNSTORABLE.search(text) is None


def built(loader: "yaml.SafeLoader | yaml.CSafeLoader", node: yaml.ScalarNode) -> Json:
    """Return the value of a scalar by its tag. What has none that Python reads (`0b_`, 5,000 digits) stays text."""
    kind = node.tag.removeprefix(_TAG)
    if kind == "null":
        return None
    try:
        if kind == "bool":
            return loader.construct_yaml_bool(node)
        if kind == "int":
            return loader.construct_yaml_int(node)
        if kind == "float":
            return loader.construct_yaml_float(node)
    except (ValueError, LookupError):
        return str(node.value)
    return str(node.value)


class _NotPlainError(Exception):
    """The text is for the other parser."""


class _Composer:
    """Makes values of the events as they come. The bound on depth is one on its recursion."""

    def __init__(self, loader: yaml.CSafeLoader, max_depth: int, max_values: int, *, has_escapes: bool) -> None:
        self._loader = loader
        self._next = loader.get_event
        self._max_depth = max_depth
        self._left = max_values
        self._braces = 0
        self._has_escapes = has_escapes
        self.lines: dict[Location, int] = {}
        self.scalars: dict[Location, str] = {}

    def document(self) -> dict[str, Json]:
        """Return the value of the only document, which is a mapping."""
        self._next()
        start = self._next()
        if not isinstance(start, yaml.DocumentStartEvent) or start.version or start.tags:
            raise _NotPlainError
        value = self._value(self._next(), ())
        self._next()
        if not isinstance(value, dict) or not isinstance(self._next(), yaml.StreamEndEvent):
            raise _NotPlainError
        return value

    def _value(self, event: yaml.Event | None, at: Location) -> Json:
        self._left -= 1
        if self._left < 0 or len(at) >= self._max_depth:
            raise _NotPlainError
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        if not isinstance(event, yaml.CollectionStartEvent) or event.anchor or event.tag:
            raise _NotPlainError
        self._braces += bool(event.flow_style)
        value = self._mapping(at) if isinstance(event, yaml.MappingStartEvent) else self._list(at)
        self._braces -= bool(event.flow_style)
        return value

    def _mapping(self, at: Location) -> dict[str, Json]:
        result: dict[str, Json] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or (key := self._text(event)) in result:
                raise _NotPlainError
            here = (*at, key)
            self.lines[here] = _line(event)
            result[key] = self._value(self._next(), here)
        return result

    def _list(self, at: Location) -> list[Json]:
        result: list[Json] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*at, len(result))
            self.lines[here] = _line(event)
            result.append(self._value(event, here))
        return result

    def _scalar(self, event: yaml.ScalarEvent, at: Location) -> Json:
        text = self.scalars[at] = self._text(event)
        # Of most words, the first letter already says that they are text.
        if not event.implicit[0] or text[:1] not in self._loader.yaml_implicit_resolvers:
            return text
        tag = self._loader.resolve(yaml.ScalarNode, text, event.implicit)  # type: ignore[no-untyped-call]
        return built(self._loader, yaml.ScalarNode(tag, text))

    def _text(self, event: yaml.ScalarEvent) -> str:
        text = event.value
        if event.anchor or event.tag or (self._has_escapes and not is_storable(text)):
            raise _NotPlainError
        # Between braces and brackets, the other parser takes no `?` without quotes.
        if self._braces and "?" in text and event.implicit[0]:
            raise _NotPlainError
        return text


def _line(event: yaml.Event | None) -> int:
    """Return the line that an event begins on, counted from 1. Only events that people made have none."""
    return event.start_mark.line + 1 if event is not None and event.start_mark is not None else 0
