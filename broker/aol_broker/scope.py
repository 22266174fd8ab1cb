"""What of its collection does a call reach? A tenant, the documents that meet its conditions, and some fields of them.

Whoever decides that (the grant, the collection's record-level security) makes a `Scope`; the commands keep to it, and
the adapter sees nothing but a target and a filter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aol_broker.access.visible_fields import VisibleFields
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.adapter import Capability, Explanation, SortKey, Target
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.filters import And, Filter, Json, Not, Or, Path, Text
from aol_wire.indexes import IndexSpec
from aol_wire.metadata import ACL
from aol_wire.paths import format_path, overlaps, shown
from aol_wire.update_apply import apply_update
from aol_wire.updates import Set, Unset, UpdateOperation


@dataclass(frozen=True, slots=True)
class Scope:
    """What a call reaches.

    `tenant` is that of the target ("": documents without one; None: those of all). Every condition must hold for a
    document to be found or changed, before the change and after it; none of them has `$text` in it. `owner` is what
    documents that are inserted are stamped with. `identity` tells one scope's pages from another's. `fields` are what
    the call sees of a document; None: all of it.
    """

    tenant: str | None = ""
    conditions: tuple[Filter, ...] = ()
    owner: str = ""
    identity: bytes = b""
    fields: VisibleFields | None = None
    _paths: tuple[frozenset[Path], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_paths", tuple(frozenset(paths_of(condition)) for condition in self.conditions))

    def target(self, record: CollectionRecord) -> Target:
        """Return where the documents are that the call reaches."""
        if self.tenant == "":
            return record.target
        return Target(record.service, record.name, self.tenant)

    @property
    def narrowed(self) -> bool:
        """Whether there is anything in the target that the call does not reach."""
        return bool(self.conditions) or self.fields is not None

    def narrow(self, filter: Filter | None, indexes: Sequence[IndexSpec] = ()) -> Filter | None:
        """Return what an adapter is asked for, where the caller asks for `filter`; `indexes` are the collection's.

        :raises DataError: FIELD_DENIED, naming a path that the call does not see.
        """
        if self.fields is not None and filter is not None:
            self.fields.check(paths_of(filter), "filter")
            if Capability.TEXT in required_by_filter(filter):
                self.fields.check_text(indexes)
        if not self.conditions:
            return filter
        parts = self.conditions if filter is None else (filter, *self.conditions)
        return parts[0] if len(parts) == 1 else And(parts)

    def sorted_by(self, sort: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
        """Return a sort order that the caller may ask for.

        :raises DataError: FIELD_DENIED, naming a path that the call does not see.
        """
        if self.fields is not None:
            self.fields.check((key.path for key in sort), "sort")
        return sort

    def projected(self, projection: tuple[Path, ...]) -> tuple[Path, ...]:
        """Return the projection that an adapter is asked for, where the caller asks for this one; () is everything.

        :raises DataError: FIELD_DENIED, naming a path that the call does not see.
        """
        return projection if self.fields is None else self.fields.projection(projection)

    def visible_indexes(self, indexes: tuple[IndexSpec, ...]) -> tuple[IndexSpec, ...]:
        """Return the indexes that the call may know of."""
        fields = self.fields
        return indexes if fields is None else tuple(index for index in indexes if fields.shows_index(index))

    def explained(self, explanation: Explanation) -> Explanation:
        """Return what of an explanation is about what the call reaches; what is not known is 0, or no index.

        It is for calls that reach a part of the collection: by this scope's conditions and fields, or its tenant.
        """
        seen = explanation.index is not None and bool(self.visible_indexes((explanation.index,)))
        index = explanation.index if seen else None
        return replace(explanation, index=index, estimated_documents=0, examined_documents=0)

    def check_inserted(self, document: Mapping[str, Json]) -> None:
        """Return if a document may be inserted: its caller could find it afterwards.

        :param document: with its metadata, as filters see it.
        :raises DataError: FIELD_DENIED, naming the paths.
        """
        for condition, paths in zip(self.conditions, self._paths, strict=True):
            if not matches(condition, dict(document), frozenset()):
                raise self._outside("The document would be", paths)

    def check_update(self, operations: tuple[UpdateOperation, ...], indexes: Sequence[IndexSpec] = ()) -> None:
        """Return if an update leaves each document that it reaches within reach, whatever else is in the document.

        That is so for a condition none of whose paths is touched, and for one all of whose values the update sets.

        :raises DataError: FIELD_DENIED, naming the paths.
        """
        if self.fields is not None:
            self.fields.check_update(operations, indexes)
        for condition, paths in zip(self.conditions, self._paths, strict=True):
            touching = [step for step in operations if any(overlaps(step.path, path) for path in paths)]
            if not touching:
                continue
            sets = [step for step in touching if isinstance(step, Set | Unset)]
            decided = all(any(path[: len(step.path)] == step.path for step in sets) for path in paths)
            if not decided or not matches(condition, apply_update({}, tuple(sets)), frozenset()):
                raise self._outside("After the update a document could be", paths)

    def check_acl(self) -> None:
        """Return if the caller sees access control lists, and so may change them.

        :raises DataError: FIELD_DENIED.
        """
        if self.fields is not None:
            self.fields.check([(ACL,)], "update")

    def told(self, error: DataError, indexes: Sequence[IndexSpec]) -> DataError:
        """Return what the caller is told of a failure."""
        return error if self.fields is None else self.fields.told(error, indexes)

    def _outside(self, what: str, paths: frozenset[Path]) -> DataError:
        named = sorted(path for path in paths if self.fields is None or self.fields.shows(path))
        names = ", ".join(shown([format_path(path)]) for path in named)
        return DataError(
            Reason.FIELD_DENIED,
            f"{what} beyond what this caller reaches{f', by its values at: {names}' if names else ''}. Leave these as "
            "the conditions of its access say, or have a service make the call whose access is not so limited.",
            metadata={"paths": names},
            applied=Applied.NO,
        )


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
