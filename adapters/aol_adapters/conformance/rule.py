"""What is a rule of the kit? A check with a name, one sentence, a topic, and the capabilities that it needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Capability

Check = Callable[[Trial], Awaitable[None]]


class Topic(StrEnum):
    """What a rule is about: a row of the table in docs/query-language.md, or a part of the adapter contract."""

    PATH = "path"
    INDEXED_PATH = "indexed path"
    NUMBERS = "numbers"
    EQ = "$eq"
    NE = "$ne, $nin"
    ORDERINGS = "$gt $gte $lt $lte"
    IN = "$in, $nin"
    PRESENCE = "$exists, $contains"
    LOGIC = "$and $or $not"
    REGEX = '$regex (+ $options: "i")'
    TEXT = "$text"
    SORT = "sort"
    PROJECTION = "projection"
    PAGES = "limit, skip"
    UPDATE = "update"
    GUARDS = "guards"
    SOFT_DELETE = "soft delete"
    DESCRIPTION = "contract: description"
    COLLECTIONS = "contract: collections"
    STORAGE = "contract: storage"
    INDEXES = "contract: indexes"
    UNIQUE = "contract: unique"
    TTL = "contract: ttl"
    INSERTS = "contract: inserts"
    DELETES = "contract: deletes"
    ACCESS = "contract: access"
    WRITES = "contract: writes"
    ISOLATION = "contract: isolation"
    ERRORS = "contract: errors"
    EXPLAIN = "contract: explain"
    PROGRAM = "contract: program"

    @property
    def in_table(self) -> bool:
        """Whether it is a row of the table of the query language."""
        return not self.value.startswith("contract: ")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `check` raises when the adapter breaks it.

    :param needs: it holds for adapters that declare all of these.
    :param lacks: it holds for adapters that do not declare this.
    :param program: it needs an adapter's program that the kit can start.
    """

    name: str
    topic: Topic
    sentence: str
    needs: frozenset[Capability]
    lacks: Capability | None
    program: bool
    check: Check


def rule(
    topic: Topic, *needs: Capability, lacks: Capability | None = None, program: bool = False
) -> Callable[[Check], Rule]:
    """Make a rule of a function: its name is the rule's, its docstring the rule's sentence."""

    def make(check: Check) -> Rule:
        sentence = " ".join((check.__doc__ or "").split())
        return Rule(getattr(check, "__name__", ""), topic, sentence, frozenset(needs), lacks, program, check)

    return make
