"""What is a filter? The typed tree that the broker makes of a filter's JSON, and the only thing an adapter sees."""

from dataclasses import dataclass
from enum import Enum, auto

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A JSON value as orjson reads it; integers are of int64, other numbers are doubles."""

Path = tuple[str, ...]
"""The segments of a path. A first segment of `aol_wire.metadata.RESERVED` stands for metadata."""


class Operator(Enum):
    """How a value is compared with an operand."""

    EQ = auto()
    NE = auto()
    GT = auto()
    GTE = auto()
    LT = auto()
    LTE = auto()


class RegexLevel(Enum):
    """Which capability a pattern needs: `regex` or `regex_full`."""

    COMMON = auto()
    FULL = auto()


@dataclass(frozen=True, slots=True)
class And:
    """All of these match. Never empty."""

    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these matches. Never empty."""

    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """This one does not match."""

    filter: "Filter"


@dataclass(frozen=True, slots=True)
class Compare:
    """The value at a path, compared.

    EQ and NE take any JSON value, and null also equals a missing value. The others match only values of the operand's
    own type (number, string or boolean; the parser lets other operands not through).
    """

    path: Path
    operator: Operator
    operand: Json


@dataclass(frozen=True, slots=True)
class Member:
    """The value at a path equals one of these values (or, negated, the exact complement)."""

    path: Path
    values: tuple[Json, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether there is a value at a path; null is one."""

    path: Path
    exists: bool


@dataclass(frozen=True, slots=True)
class Contains:
    """The value at a path is an array with an element that equals this one."""

    path: Path
    element: Json


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """The value at a path is an array with an element that equals one of these strings; none of them match nothing.

    No caller can ask so: it is how the broker says whom an access control list must name.
    """

    path: Path
    elements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """The string at a path matches a pattern somewhere."""

    path: Path
    pattern: str
    ignore_case: bool
    level: RegexLevel


@dataclass(frozen=True, slots=True)
class Text:
    """Every word occurs in the text-indexed fields. Words are as `aol_wire.words.split` makes them."""

    words: tuple[str, ...]


Filter = And | Or | Not | Compare | Member | Exists | Contains | ContainsAny | Regex | Text
