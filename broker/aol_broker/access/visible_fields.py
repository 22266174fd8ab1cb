"""Which fields of a document does a call see? Those that its grant names, what lies below them, and the metadata.

Nothing that such a call is told depends on any other field: neither what it returns, nor in which order, nor how many
there are, nor what an error says.
"""

from collections.abc import Iterable, Mapping

from aol.data.v1.document_pb2 import Page
from aol_wire.adapter import Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json, Path
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.metadata import ACL, CREATED_AT, DELETED_AT, ID, OWNER, RESERVED, TENANT, UPDATED_AT, VERSION
from aol_wire.paths import format_path, overlaps, shown
from aol_wire.updates import UpdateOperation

ALWAYS_VISIBLE = frozenset({ID, CREATED_AT, UPDATED_AT, VERSION, DELETED_AT})
"""Metadata that no grant hides. Whose a document is (`_owner`, `_tenant`, `_acl`), only a grant that names it shows."""

_NAMED_MAX = 20
# What is in a failure of one of these reasons is of a document, and may be of a part that the caller does not see.
_ABOUT_DOCUMENTS = frozenset({Reason.BAD_DOCUMENT, Reason.VALIDATION_FAILED, Reason.UNIQUE_VIOLATION})
_COLUMNS: Mapping[str, str] = {OWNER: "owner", TENANT: "tenant", ACL: "acl"}


class VisibleFields:
    """The fields that a grant shows. Two of the same paths are equal."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """`paths` go through objects only, and none of them lies in another."""
        self.paths = tuple(sorted(paths))
        self._paths = frozenset(self.paths)
        self._above = frozenset(path[:size] for path in self.paths for size in range(1, len(path)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VisibleFields) and self.paths == other.paths

    def __hash__(self) -> int:
        return hash(self.paths)

    def __repr__(self) -> str:
        return f"VisibleFields({self.paths!r})"

    @property
    def said(self) -> str:
        """The paths as a message names them."""
        named = ", ".join(shown([format_path(path)]) for path in self.paths[:_NAMED_MAX])
        more = len(self.paths) - _NAMED_MAX
        return f"{named} and {more} more" if more > 0 else named

    def shows(self, path: Path) -> bool:
        """Whether all that is at a path may be seen."""
        if path[0] in ALWAYS_VISIBLE:
            return True
        return any(path[:size] in self._paths for size in range(1, len(path) + 1))

    def shows_index(self, index: IndexSpec) -> bool:
        """Whether an index covers nothing else."""
        return all(self.shows(field.path) for field in index.fields)

    def check(self, paths: Iterable[Path], where: str) -> None:
        """Return if all these paths, which a call names in its part `where`, may be seen.

        :raises DataError: FIELD_DENIED, naming the first that may not.
        """
        for path in paths:
            if not self.shows(path):
                raise self._denied(path, where)

    def check_text(self, indexes: Iterable[IndexSpec]) -> None:
        """Return if `$text` looks at nothing else. It is the same whether there is no text index or a wider one.

        :raises DataError: FIELD_DENIED.
        """
        texts = [index for index in indexes if index.type is IndexType.TEXT]
        if not texts or not all(self.shows_index(index) for index in texts):
            raise DataError(
                Reason.FIELD_DENIED,
                "filter: $text searches all fields that the collection's text index covers, and this caller's access "
                f"is to some fields only: {self.said}, and metadata. Compare these instead.",
                metadata={"path": "$text", "fields": self.said},
            )

    def check_document(self, document: Mapping[str, Json], indexes: Iterable[IndexSpec]) -> None:
        """Return if a document that is to be inserted holds nothing else, and nothing else decides if it can be.

        :raises DataError: FIELD_DENIED.
        """
        self._check_object(document, ())
        # A field that is missing counts as null in a unique index: every document is in it.
        if any(index.type is IndexType.UNIQUE and not self.shows_index(index) for index in indexes):
            raise self._undecidable("inserted", "the document")

    def check_update(self, steps: Iterable[UpdateOperation], indexes: Iterable[IndexSpec]) -> None:
        """Return if an update touches nothing else, and nothing else decides if it can be made.

        :raises DataError: FIELD_DENIED.
        """
        paths = [step.path for step in steps]
        self.check(paths, "update")
        for index in indexes:
            if index.type is not IndexType.UNIQUE or self.shows_index(index):
                continue
            for path in paths:
                if any(overlaps(path, field.path) for field in index.fields):
                    raise self._undecidable("updated", f"'{shown([format_path(path)])}'")

    def projection(self, asked: tuple[Path, ...]) -> tuple[Path, ...]:
        """Return what an adapter is asked for, where the caller asks for these paths; () is all that may be seen.

        :raises DataError: FIELD_DENIED, naming the first that may not.
        """
        self.check(asked, "projection")
        return asked or self.paths

    def cut(self, page: Page) -> None:
        """Remove the columns of a page that may not be seen; its documents are projected already."""
        for key, column in _COLUMNS.items():
            if not self.shows((key,)):
                page.ClearField(column)

    def taken(self) -> DataError:
        """Return what is told of an insert over a document that is equal to it, or that differs: it is the same.

        That they are equal would say that the one that is there has no other fields.
        """
        return DataError(
            Reason.DUPLICATE_ID,
            "another document has this _id, or this very one was inserted before: which of the two is not told to a "
            "caller whose access is to some fields only. Update it, or insert under another _id.",
            applied=Applied.NO,
        )

    def refuse_atomic(self) -> None:
        """Refuse a batch of which all is inserted or nothing: which of the two would tell if a document is equal.

        :raises DataError: FIELD_DENIED.
        """
        raise DataError(
            Reason.FIELD_DENIED,
            "An atomic batch cannot be inserted by a caller whose access is to some fields only. Insert it without "
            "'atomic', or have a service insert it whose access is not so limited.",
            metadata={"fields": self.said},
            applied=Applied.NO,
        )

    def outcome(self, outcome: Outcome, indexes: Iterable[IndexSpec]) -> Outcome:
        """Return what the caller is told of one insert."""
        if outcome.was_duplicate:
            return Outcome(error=self.taken())
        return outcome if outcome.error is None else Outcome(error=self.told(outcome.error, indexes))

    def told(self, error: DataError, indexes: Iterable[IndexSpec]) -> DataError:
        """Return what the caller is told of a failure: less, where it is about what may not be seen."""
        if error.reason is Reason.DUPLICATE_ID:
            return self.taken()
        if error.reason not in _ABOUT_DOCUMENTS:
            return error
        of_others = {index.name for index in indexes if not self.shows_index(index)}
        # What is said of an index names it, also where it is about a path that may be seen.
        about_other = error.metadata.get("index") in of_others
        seen = () if about_other else tuple(item for item in error.violations if self._may_tell(item.path))
        if not about_other and len(seen) == len(error.violations):
            return error
        named = "".join(f" {shown([item.path])}: {item.description}." for item in seen)
        return DataError(
            Reason.FIELD_DENIED,
            "The collection has rules about fields that this caller's access does not show, and what is sent does not "
            f"keep them, so that only a caller who sees all fields can send it.{named} Visible are: {self.said}.",
            violations=seen,
            metadata={"fields": self.said},
            applied=error.applied,
        )

    def _may_tell(self, place: str) -> bool:
        """Whether a violation is about what may be seen, or about the document that the caller sent, as it stands."""
        if place == "document" or place.startswith("document."):
            return True
        return self.shows(tuple(place.split(".")))

    def _check_object(self, value: Mapping[str, Json], above: Path) -> None:
        for key, item in value.items():
            path = (*above, key)
            # What the broker stamps a document with is not the caller's.
            if self.shows(path) or path[0] in RESERVED:
                continue
            if path not in self._above or not isinstance(item, dict):
                raise self._denied(path, "document")
            self._check_object(item, path)

    def _denied(self, path: Path, where: str) -> DataError:
        name = shown([format_path(path)])
        return DataError(
            Reason.FIELD_DENIED,
            f"{where}: '{name}' is not among the fields that this caller's access is to. These are, each with all "
            f"below it: {self.said}, and metadata. Leave it out, or have the owner or an operator grant access to it.",
            metadata={"path": name, "fields": self.said},
            applied=Applied.NO,
        )

    def _undecidable(self, what: str, of: str) -> DataError:
        return DataError(
            Reason.FIELD_DENIED,
            f"{of} cannot be {what} by this caller, whose access is to some fields only ({self.said}): whether it can "
            "stand beside other documents depends on fields that it does not show. Have a service make the call whose "
            "access is not so limited.",
            metadata={"fields": self.said},
            applied=Applied.NO,
        )
