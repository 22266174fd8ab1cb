"""How is a collection kept? What its owner's manifest says of partitions, of how long they stay, and of tenants."""

from dataclasses import dataclass
from enum import StrEnum

CREATED_AT = "created_at"
"""The `partition_by` that means the time of a document's insertion, `_created_at`."""


class PartitionInterval(StrEnum):
    """How much time one partition holds, in UTC."""

    DAY = "day"
    MONTH = "month"

    @property
    def longest_s(self) -> int:
        """The seconds of the longest one: of a day, or of 31 days."""
        return 86_400 if self is PartitionInterval.DAY else 31 * 86_400


class Tenancy(StrEnum):
    """What the documents of different tenants share: everything, a database with a schema each, or a server."""

    SHARED = "shared"
    SCHEMA = "schema"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Storage:
    """How a collection is kept; the default is what every adapter has.

    `partition_by` is "" (not partitioned), `created_at`, or the dotted path of a field, through objects, that the
    schema hint says is `datetime`. `partition_interval` comes with it, and only with it. A partition all of whose times
    are more than `retain_for_s` seconds ago is dropped with its documents; None keeps them, and a document that
    would lie in such a partition is BAD_DOCUMENT.

    By `created_at`, the time in the document's id decides, which is a UUIDv7 then, so that a repeated insert meets the
    first one; another id, and one whose time is more than a day from the insert's, is BAD_DOCUMENT. By a field, every
    document has a date-time there, or is BAD_DOCUMENT. Ids, and the values of unique indexes, are unique within a
    partition only.

    `shard_key` is "" (all documents are on one server), `_id`, or the dotted path of a field, through objects, by whose
    value documents are spread over several servers. Such a collection has no unique indexes; by a field, ids are unique
    among the documents of one value, which an update does not change.
    """

    partition_by: str = ""
    partition_interval: PartitionInterval | None = None
    retain_for_s: int | None = None
    tenancy: Tenancy = Tenancy.SHARED
    shard_key: str = ""
