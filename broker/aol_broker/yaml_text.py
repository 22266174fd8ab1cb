"""How is YAML read so that every mistake can be pointed at? Strictly, into plain values and the lines they are on."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from aol_broker.yaml_events import Location, built, is_storable, read_plain
from aol_wire.filters import Json

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000

_TAG = "tag:yaml.org,2002:"
_PLAIN_SCALARS = frozenset({"str", "bool", "int", "float", "null", "timestamp", "merge", "value"})
# Words that PyYAML quotes in its messages; its names of tokens, as '<block end>' or ',', may stay.
_QUOTED = re.compile(r"'[^'<>]*\w[^'<>]*'|\"[^\"<>]*\w[^\"<>]*\"")
_PATH_MAX_CHARS = 160
_TOO_LARGE = f"larger than {MAX_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file; `line` counts from 1, 0 means the file as a whole."""

    line: int
    path: str
    text: str
    source: str | None = None
    """Where it stands, when that is not the file that is read."""

    def place(self, source: str) -> str:
        """Return where it is, for example `manifest.yaml:12 spec.dataRequirements`."""
        source = self.source or source
        file = f"{source}:{self.line}" if self.line else source
        return f"{file} {self.path}" if self.path else file


class YamlError(Exception):
    """A text is not the YAML that is read here. Its problems quote nothing of the text."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A mapping, the line of each key and element, and the text of each scalar as it was written."""

    value: dict[str, Json]
    lines: Mapping[Location, int]
    scalars: Mapping[Location, str]

    def line_of(self, location: Location) -> int:
        """Return the line of a location, or of the nearest thing around it that exists."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, text: str) -> Problem:
        """Return a problem at a location."""
        return Problem(self.line_of(location) if location else 0, format_location(location), text)


def format_location(location: Location) -> str:
    """Return for example `spec.collections[0].name`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    path = "".join(character if character.isprintable() else "\ufffd" for character in path[: _PATH_MAX_CHARS + 1])
    return path if len(path) <= _PATH_MAX_CHARS else path[:_PATH_MAX_CHARS] + "…"


def did_you_mean(wrong: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(str(wrong)[:_PATH_MAX_CHARS], list(known), n=1, cutoff=cutoff)
    return f"; did you mean '{near[0]}'?" if near else ""


def describe_problems(problems: Iterable[Problem], source: str, most: int = 50) -> str:
    """Return one text with a line for each problem, in the order of the file, at most `most` of them."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    lines = [f"{problem.place(source)}: {problem.text}" for problem in ordered[:most]]
    if len(ordered) > most:
        lines.append(f"and {len(ordered) - most} more")
    return f"{count} in {source}:\n  " + "\n  ".join(lines)


def read_text(path: Path) -> str:
    """Return the text of a file.

    :raises YamlError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise YamlError((Problem(0, "", f"cannot be read: {error.strerror}"),)) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        # What was cut at the bound is too large, whatever it ends in.
        what = _TOO_LARGE if len(data) > MAX_BYTES else "not UTF-8 text"
        raise YamlError((Problem(line, "", what),)) from None


def read_yaml(text: str) -> YamlDocument:
    """Read one mapping; an empty text is an empty one.

    Plain scalars, lists and mappings only: tags, several documents, keys that are repeated or no scalars, and texts
    beyond the bounds of this module are refused. Keys are taken as written (`on` is a key, not a boolean); dates stay
    text. `<<` is a key like any other. Of each of these problems the first is reported, because what follows it
    could not be trusted.

    :raises YamlError: it is not such a text.
    """
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        raise YamlError((Problem(0, "", _TOO_LARGE),))
    plain = read_plain(text, max_depth=MAX_DEPTH, max_values=MAX_NODES)
    return read_any_yaml(text) if plain is None else YamlDocument(plain.value, plain.lines, plain.scalars)


def read_any_yaml(text: str) -> YamlDocument:
    """Read one mapping, as `read_yaml` does, by the parser that is written in Python: it has the last word.

    This takes up to a minute for a text of 1 MiB.

    :raises YamlError: it is not such a text.
    """
    try:
        loader = _Loader(text)
        node = _composed(loader)
        if node is None:
            return YamlDocument({}, {}, {})
        reading = _Reading(loader)
        value = reading.value(node, ())
    except _TooMuchError as error:
        raise YamlError((Problem(error.line, "", error.text),)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = _QUOTED.sub("…", error.problem or error.context or "malformed")
        raise YamlError((Problem(mark.line + 1 if mark else 0, "", f"not valid YAML: {what}"),)) from None
    except yaml.YAMLError:
        # The reader's error: a character that YAML does not allow. It knows an offset, not a line.
        raise YamlError((Problem(0, "", "not valid YAML: it contains a control character"),)) from None
    if not isinstance(value, dict):
        raise YamlError((Problem(node.start_mark.line + 1, "", "the file is not a mapping of keys to values"),))
    return YamlDocument(value, reading.lines, reading.scalars)


def _composed(loader: "_Loader") -> yaml.Node | None:
    try:
        return loader.get_single_node()
    except (ValueError, OverflowError):
        # PyYAML makes characters of escapes such as "\\U00110000" without a look at their numbers.
        line = loader.get_mark().line + 1
        raise YamlError((Problem(line, "", "not valid YAML: found the escape of a character that is none"),)) from None


class _TooMuchError(Exception):
    def __init__(self, node: yaml.Node | None, text: str) -> None:
        super().__init__(text)
        self.line = node.start_mark.line + 1 if node is not None else 0
        self.text = text


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with a bound on depth: its composer recurses."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth >= MAX_DEPTH:
            raise _TooMuchError(parent, f"nested deeper than {MAX_DEPTH} levels")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Reading:
    """The walk over the composed nodes. Aliases are followed, up to the bound on nodes, which also ends cycles."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._nodes = 0
        self.lines: dict[Location, int] = {}
        self.scalars: dict[Location, str] = {}

    def value(self, node: yaml.Node, at: Location) -> Json:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuchError(node, f"more than {MAX_NODES} values, aliases counted each time they are used")
        if len(at) > MAX_DEPTH:
            raise _TooMuchError(node, f"nested deeper than {MAX_DEPTH} levels, or an alias inside itself")
        plain = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and plain == "map":
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode) and plain == "seq":
            items: list[Json] = []
            for position, item in enumerate(node.value):
                here = (*at, position)
                self.lines[here] = item.start_mark.line + 1
                items.append(self.value(item, here))
            return items
        if isinstance(node, yaml.ScalarNode) and plain in _PLAIN_SCALARS:
            _refuse_unstorable(node, at)
            self.scalars[at] = node.value
            return built(self._loader, node)
        raise YamlError((Problem(node.start_mark.line + 1, format_location(at), "YAML tags are not read here"),))

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Json]:
        result: dict[str, Json] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError((Problem(line, format_location(at), "a key is not plain text"),))
            key = str(key_node.value)
            here = (*at, key)
            _refuse_unstorable(key_node, at)
            if key in result:
                first = self.lines[here]
                raise YamlError((Problem(line, format_location(here), f"the key is there already, on line {first}"),))
            self.lines[here] = line
            result[key] = self.value(value_node, here)
        return result


def _refuse_unstorable(node: yaml.ScalarNode, at: Location) -> None:
    """Refuse what escapes in quotes can make and no database keeps as text."""
    if not is_storable(node.value):
        line = node.start_mark.line + 1
        raise YamlError((Problem(line, format_location(at), "text holds a NUL or half of a surrogate pair"),))
