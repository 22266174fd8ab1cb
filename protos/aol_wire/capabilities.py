"""What must an adapter be capable of to serve this filter, these indexes, or to keep a collection so?"""

from collections.abc import Iterable, Mapping

from aol_wire.adapter import Capability
from aol_wire.filters import And, Filter, Not, Or, Regex, RegexLevel, Text
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.storage import Storage, Tenancy

_OF_INDEX: Mapping[IndexType, Capability] = {
    IndexType.UNIQUE: Capability.UNIQUE,
    IndexType.TEXT: Capability.TEXT,
    IndexType.TTL: Capability.TTL,
}
_OF_LEVEL: Mapping[RegexLevel, Capability] = {
    RegexLevel.COMMON: Capability.REGEX,
    RegexLevel.FULL: Capability.REGEX_FULL,
}


def required_by_filter(condition: Filter | None) -> frozenset[Capability]:
    """Return the capabilities beyond the core that a filter needs."""
    match condition:
        case And(filters) | Or(filters):
            return frozenset().union(*map(required_by_filter, filters))
        case Not(inner):
            return required_by_filter(inner)
        case Regex(level=level):
            return frozenset({_OF_LEVEL[level]})
        case Text():
            return frozenset({Capability.TEXT})
        case _:
            return frozenset()


def required_by_indexes(indexes: Iterable[IndexSpec]) -> frozenset[Capability]:
    """Return the capabilities beyond the core that indexes need."""
    return frozenset(_OF_INDEX[index.type] for index in indexes if index.type in _OF_INDEX)


def required_by_storage(storage: Storage) -> frozenset[Capability]:
    """Return the capabilities beyond the core that it takes to keep a collection so."""
    partitioned = {Capability.PARTITION} if storage.partition_by else set()
    apart = {Capability.TENANCY} if storage.tenancy is not Tenancy.SHARED else set()
    spread = {Capability.SHARDING} if storage.shard_key else set()
    return frozenset(partitioned | apart | spread)
