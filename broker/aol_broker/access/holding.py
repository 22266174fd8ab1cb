"""What does a service hold on a collection, and what may it know of it? All its grants together, for descriptions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from aol_broker.access.visible_fields import VisibleFields
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Permission, Snapshot
from aol_broker.request import Principal
from aol_wire.filters import Path
from aol_wire.ids import now_us
from aol_wire.indexes import IndexSpec
from aol_wire.storage import CREATED_AT, Storage


@dataclass(frozen=True, slots=True)
class Holding:
    """What a service may do. `shown` are the fields of each of its grants, when none of these is for all of them.

    `limited` says whether every one of its grants leaves out documents or fields.
    """

    permissions: tuple[Permission, ...]
    shown: tuple[VisibleFields, ...] = ()
    limited: bool = False

    def seen(self, record: CollectionRecord) -> CollectionRecord:
        """Return a collection's record as the service may know it: with the fields that one of its grants shows."""
        if not self.shown:
            return record
        return replace(
            record,
            schema_hint={path: kind for path, kind in record.schema_hint.items() if self._shows(path.split("."))},
            field_rules={path: rules for path, rules in record.field_rules.items() if self._shows(path.split("."))},
            # Conditions of security name fields; what a call has to say for them, it is told when it does not.
            security=replace(record.security, attributes=()),
            indexes=tuple(index for index in record.indexes if self._shows_index(index)),
            storage=self._storage(record.storage),
            audit=replace(record.audit, sensitive=tuple(path for path in record.audit.sensitive if self._shows(path))),
        )

    def _shows(self, path: "list[str] | Path") -> bool:
        return any(fields.shows(tuple(path)) for fields in self.shown)

    def _shows_index(self, index: IndexSpec) -> bool:
        return any(fields.shows_index(index) for fields in self.shown)

    def _storage(self, storage: Storage) -> Storage:
        """By which fields documents are kept apart is not told of those that no grant shows."""
        kept = storage
        if kept.partition_by not in ("", CREATED_AT) and not self._shows(kept.partition_by.split(".")):
            kept = replace(kept, partition_by="", partition_interval=None, retain_for_s=None)
        if kept.shard_key and not self._shows(kept.shard_key.split(".")):
            kept = replace(kept, shard_key="")
        return kept


def held_on(snapshot: Snapshot, record: CollectionRecord, principal: Principal) -> Holding:
    """Return what a principal holds on a collection now."""
    if record.service == principal.service:
        own = [Permission.ADMIN, *([Permission.ASSERT_CONTEXT] if record.security else [])]
        own += [grant.permission for grant in _active(snapshot, record, principal)]
        return Holding(_covered(own))
    held = _active(snapshot, record, principal)
    permissions = _covered([grant.permission for grant in held])
    limited = all(grant.limits.narrow for grant in held)
    if not all(grant.limits.fields for grant in held):
        return Holding(permissions, limited=limited)
    return Holding(permissions, tuple(VisibleFields(grant.limits.fields) for grant in held), limited)


def _active(snapshot: Snapshot, record: CollectionRecord, principal: Principal) -> list[Grant]:
    at_us = now_us()
    grants = snapshot.grants_of(record.collection_id, principal.service)
    return [grant for grant in grants if grant.state_at(at_us) is GrantState.ACTIVE]


def _covered(held: Iterable[Permission]) -> tuple[Permission, ...]:
    """Return every permission that is held, or covered by one that is."""
    held = tuple(held)
    return tuple(wanted for wanted in Permission if any(item.covers(wanted) for item in held))
