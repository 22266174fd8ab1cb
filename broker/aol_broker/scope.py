"""What of its collection does a call reach? A tenant, the documents that meet its conditions, and some fields of them.

Whoever decides that (the grant, the collection's record-level security) makes a `Scope`; the commands keep to it, and
the adapter sees nothing but a target and a filter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.filters import And, Filter, Json, Not, Or, Path, Text
from aol_wire.paths import format_path, shown
from aol_wire.update_apply import apply_update
from aol_wire.updates import Set, Unset, UpdateOperation


@dataclass(frozen=True, slots=True)
class Scope:
    """What a call reaches.

    `tenant` is that of the target ("": documents without one; None: those of all). Every condition must hold for a
    document to be found or changed, before the change and after it; none of them has `$text` in it. `owner` is what
    documents that are inserted are stamped with. `identity` tells one scope's pages from another's.
    """

    tenant: str | None = ""
    conditions: tuple[Filter, ...] = ()
    owner: str = ""
    identity: bytes = b""
    _paths: tuple[frozenset[Path], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_paths", tuple(frozenset(paths_of(condition)) for condition in self.conditions))

    def target(self, record: CollectionRecord) -> Target:
        """Return where the documents are that the call reaches."""
        if self.tenant == "":
            return record.target
        return Target(record.service, record.name, self.tenant)

    def narrow(self, filter: Filter | None) -> Filter | None:
        """Return what an adapter is asked for, where the caller asks for `filter`."""
        if not self.conditions:
            return filter
        parts = self.conditions if filter is None else (filter, *self.conditions)
        return parts[0] if len(parts) == 1 else And(parts)

    def check_inserted(self, document: Mapping[str, Json]) -> None:
        """Return if a document may be inserted: its caller could find it afterwards.

        :param document: with its metadata, as filters see it.
        :raises DataError: FIELD_DENIED, naming the paths.
        """
        for condition, paths in zip(self.conditions, self._paths, strict=True):
            if not matches(condition, dict(document), frozenset()):
                raise _outside("The document would be", paths)

    def check_update(self, operations: tuple[UpdateOperation, ...]) -> None:
        """Return if an update leaves each document that it reaches within reach, whatever else is in the document.

        That is so for a condition none of whose paths is touched, and for one all of whose values the update sets.

        :raises DataError: FIELD_DENIED, naming the paths.
        """
        for condition, paths in zip(self.conditions, self._paths, strict=True):
            touching = [step for step in operations if any(_overlap(step.path, path) for path in paths)]
            if not touching:
                continue
            sets = [step for step in touching if isinstance(step, Set | Unset)]
            decided = all(any(path[: len(step.path)] == step.path for step in sets) for path in paths)
            if not decided or not matches(condition, apply_update({}, tuple(sets)), frozenset()):
                raise _outside("After the update a document could be", paths)


WHOLE = Scope()
"""All documents of a collection that has no tenants, with all their fields."""


def paths_of(filter: Filter) -> Iterator[Path]:
    """Yield the paths whose values a filter looks at; `$text` looks at those of an index, which it does not name."""
    match filter:
        case And(filters) | Or(filters):
            for part in filters:
                yield from paths_of(part)
        case Not(inner):
            yield from paths_of(inner)
        case Text():
            return
        case _:
            yield filter.path


def _overlap(one: Path, other: Path) -> bool:
    size = min(len(one), len(other))
    return one[:size] == other[:size]


def _outside(what: str, paths: frozenset[Path]) -> DataError:
    names = ", ".join(shown([format_path(path)]) for path in sorted(paths))
    return DataError(
        Reason.FIELD_DENIED,
        f"{what} beyond what this caller reaches, by its values at: {names}. Leave these as the conditions of its "
        "access say, or have a service make the call whose access is not so limited.",
        metadata={"paths": names},
    )
