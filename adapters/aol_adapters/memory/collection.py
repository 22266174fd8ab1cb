"""What is in a collection? Its documents and indexes, and the one way in which they change."""

from collections.abc import Iterable, Mapping

from aol_adapters.memory.rows import Key, Row, UniqueKey
from aol_wire.adapter import Capability, Deleted
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.expiry import is_expired
from aol_wire.filters import Filter, Path
from aol_wire.indexed_paths import check_indexed, fits
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType
from aol_wire.words import split

Changes = Mapping[Key, Row | None]
"""What a mutation does: the row that each key has afterwards, None for none."""


class Collection:
    """One collection, of all tenants."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self._statuses: dict[IndexSpec, IndexStatus] = {}
        # For each unique index, which document has a value.
        self._holders: dict[IndexSpec, dict[UniqueKey, Key]] = {}

    def ensure_index(self, spec: IndexSpec, now_us: int) -> IndexStatus:
        """Return the status of an index, built now unless it is ready. Documents that do not fit make it fail."""
        self.remove_expired(now_us)
        status = self._statuses.get(spec)
        if status is None or status.state is not IndexState.READY:
            status = self._statuses[spec] = self._build(spec)
        return status

    def statuses(self) -> tuple[IndexStatus, ...]:
        """Return every index as it stands."""
        return tuple(self._statuses.values())

    def remove_expired(self, now_us: int) -> None:
        """Remove the documents that are expired, soft-deleted or not."""
        indexes = [spec for spec in self._ready() if spec.type is IndexType.TTL]
        self.put({key: None for key, row in self.rows.items() if is_expired(row.document, indexes, now_us)})

    def select(self, tenant: str | None, condition: Filter | None, deleted: Deleted) -> list[Row]:
        """Return the rows that match, in the order of their keys.

        :raises DataError: BAD_FILTER, for `$text` where no text index is ready.
        """
        text_paths = self._text_paths() if Capability.TEXT in required_by_filter(condition) else []
        return [
            row
            for _, row in sorted(self.rows.items())
            if tenant in {None, row.tenant}
            and (deleted is Deleted.INCLUDE or (row.deleted_us != 0) is (deleted is Deleted.ONLY))
            and matches(condition, row.view(), _words(row, text_paths))
        ]

    def put(self, changes: Changes) -> Changes:
        """Make changes, all or none, and return those that undo them.

        :raises DataError: BAD_DOCUMENT for a value that an index does not take, UNIQUE_VIOLATION.
        """
        ready = self._ready()
        for row in changes.values():
            if row is not None:
                check_indexed(row.document, ready)
        claims = {spec: self._claims(spec, changes) for spec in self._holders}
        before: Changes = {key: self.rows.get(key) for key in changes}
        for spec, holders in self._holders.items():
            for old in before.values():
                if old is not None:
                    del holders[old.unique_key(spec)]
            holders.update(claims[spec])
        for key, row in changes.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        return before

    def _claims(self, spec: IndexSpec, changes: Changes) -> dict[UniqueKey, Key]:
        """Return the values that changed rows take in a unique index, if nobody else has them."""
        claims: dict[UniqueKey, Key] = {}
        for row in changes.values():
            if row is None:
                continue
            value = row.unique_key(spec)
            if value in claims or self._holders[spec].get(value, row.key) not in changes:
                raise DataError(
                    Reason.UNIQUE_VIOLATION,
                    f"another document has the values of this one in the index {spec.name}",
                    metadata={"index": spec.name},
                )
            claims[value] = row.key
        return claims

    def _build(self, spec: IndexSpec) -> IndexStatus:
        holders: dict[UniqueKey, Key] = {}
        offenders = 0
        for row in self.rows.values():
            # A document that does not fit takes no value from another one.
            if not fits(row.document, spec) or (
                spec.type is IndexType.UNIQUE and holders.setdefault(row.unique_key(spec), row.key) != row.key
            ):
                offenders += 1
        if offenders:
            return IndexStatus(spec, IndexState.FAILED, offenders)
        if spec.type is IndexType.UNIQUE:
            self._holders[spec] = holders
        return IndexStatus(spec, IndexState.READY)

    def _ready(self) -> list[IndexSpec]:
        return [spec for spec, status in self._statuses.items() if status.state is IndexState.READY]

    def _text_paths(self) -> list[Path]:
        paths = [field.path for spec in self._ready() if spec.type is IndexType.TEXT for field in spec.fields]
        if not paths:
            raise DataError.invalid(Reason.BAD_FILTER, "filter.$text", "the collection has no text index that is ready")
        return paths


def _words(row: Row, text_paths: Iterable[Path]) -> set[str]:
    return {word for string in row.strings(text_paths) for word in split(string)}
