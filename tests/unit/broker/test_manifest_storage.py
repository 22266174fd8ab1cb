"""Does a manifest say how a collection is kept, and what is wrong with what it says?"""

import pytest

from aol_broker.manifest import parse_manifest
from aol_broker.manifest.declaration import DeclaredCollection
from aol_wire.errors import DataError, Reason
from aol_wire.storage import PartitionInterval, Storage, Tenancy

MANIFEST = """\
metadata: {name: owner}
spec:
  dataRequirements:
    collections:
      - name: things
        schemaHint: {at: datetime, n: number, place: {seen: datetime}}
        storage: {%s}
"""
STORAGE = "spec.dataRequirements.collections[0].storage"
DAY, MONTH = PartitionInterval.DAY, PartitionInterval.MONTH
DAY_S = 86_400


def declared(storage: str) -> DeclaredCollection:
    return parse_manifest(MANIFEST % storage, "manifest.yaml").collections[0]


@pytest.mark.parametrize(
    ("said", "storage"),
    [
        ("", Storage()),
        ("adapter: pg", Storage()),
        ("tenancy: shared", Storage()),
        ("tenancy: schema", Storage(tenancy=Tenancy.SCHEMA)),
        ("shardKey: _id", Storage(shard_key="_id")),
        ("shardKey: place.seen", Storage(shard_key="place.seen")),
        ("tenancy: database", Storage(tenancy=Tenancy.DATABASE)),
        ("partitionBy: created_at", Storage("created_at", DAY)),
        ("partitionBy: at, partitionInterval: day", Storage("at", DAY)),
        ("partitionBy: place.seen, partitionInterval: month", Storage("place.seen", MONTH)),
        ("partitionBy: at, retainFor: 1d", Storage("at", DAY, DAY_S)),
        ("partitionBy: at, retainFor: 36h", Storage("at", DAY, 36 * 3600)),
        ("partitionBy: at, partitionInterval: month, retainFor: 31d", Storage("at", MONTH, 31 * DAY_S)),
        (
            "adapter: pg, partitionBy: at, retainFor: 90d, tenancy: database",
            Storage("at", DAY, 90 * DAY_S, Tenancy.DATABASE),
        ),
    ],
)
def test_it_says_how_a_collection_is_kept(said: str, storage: Storage) -> None:
    assert declared(said).storage == storage
    assert declared(said).adapter == ("pg" if "adapter" in said else "")


@pytest.mark.parametrize(
    ("said", "key", "word"),
    [
        ("shardKey: a..b", ".shardKey", "empty"),
        ("shardKey: _owner", ".shardKey", "metadata"),
        ("shardKey: ''", ".shardKey", "1 character"),
        ("partitionBy: n", ".partitionBy", "datetime"),
        ("partitionBy: other", ".partitionBy", "datetime"),
        ("partitionBy: place.sen", ".partitionBy", "did you mean 'place.seen'?"),
        ("partitionBy: _created_at", ".partitionBy", "metadata"),
        ("partitionBy: createdAt", ".partitionBy", "did you mean 'created_at'?"),
        ("partitionBy: partition_by", ".partitionBy", "datetime"),
        ("partitionBy: a..b", ".partitionBy", "empty"),
        ("partitionBy: at.0", ".partitionBy", "index"),
        ("partitionBy: ''", ".partitionBy", "1 character"),
        ("partitionBy: 5", ".partitionBy", "text"),
        ("partitionInterval: day", ".partitionInterval", "partitioned"),
        ("partitionBy: at, partitionInterval: weak", ".partitionInterval", "day, month"),
        ("retainFor: 90d", ".retainFor", "partitioned"),
        ("partitionBy: at, retainFor: 90", ".retainFor", "90d or 36h"),
        ("partitionBy: at, retainFor: 0d", ".retainFor", "90d or 36h"),
        ("partitionBy: at, retainFor: -1d", ".retainFor", "90d or 36h"),
        ("partitionBy: at, retainFor: 3 days", ".retainFor", "90d or 36h"),
        ("partitionBy: at, retainFor: 23h", ".retainFor", "at least one day (1d)"),
        ("partitionBy: at, partitionInterval: month, retainFor: 30d", ".retainFor", "at least one month (31d)"),
        ("partitionBy: at, retainFor: 9999999d", ".retainFor", "at most"),
        ("tenancy: schemas", ".tenancy", "did you mean 'schema'?"),
        ("adapter: No Name", ".adapter", "name"),
        ("partitionby: at", ".partitionby", "did you mean 'partitionBy'?"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_place(said: str, key: str, word: str) -> None:
    with pytest.raises(DataError) as refused:
        declared(said)
    assert refused.value.reason is Reason.BAD_MANIFEST
    (violation,) = refused.value.violations
    assert violation.path == f"manifest.yaml:7 {STORAGE}{key}"
    assert word in violation.description


def test_a_field_of_a_hint_that_is_wrong_itself_is_not_a_second_mistake() -> None:
    with pytest.raises(DataError) as refused:
        parse_manifest(MANIFEST.replace("n: number", "n: numbr") % "partitionBy: at", "manifest.yaml")
    (violation,) = refused.value.violations
    assert violation.path.endswith("schemaHint.n")
