"""How does a manifest say how a collection is kept? The words of `storage`, and what is wrong with them."""

import re
from collections.abc import Iterator, Mapping, Set

from aol_broker.yaml_events import Location
from aol_broker.yaml_text import did_you_mean
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json, Path
from aol_wire.paths import format_path
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage, Tenancy
from aol_wire.storage_parser import check_storage

RETENTION = re.compile(r"([1-9][0-9]{0,6})([dh])")
RETENTION_FORM = "it is a number of days or hours, as 90d or 36h"

_SECONDS = {"d": 86_400, "h": 3_600}
_KEYS = {"partition_by": "partitionBy", "partition_interval": "partitionInterval", "retain_for_s": "retainFor"}


def read_storage(said: Mapping[str, Json]) -> Storage:
    """Return what `storage` says, which is of the right form. A partition holds a day when it is not said."""
    by, interval, retained = (str(said.get(key) or "") for key in _KEYS.values())
    if by and not interval:
        interval = PartitionInterval.DAY
    return Storage(
        by,
        PartitionInterval(interval) if interval else None,
        retention_s(retained) if retained else None,
        Tenancy(str(said.get("tenancy") or Tenancy.SHARED)),
        str(said.get("shardKey") or ""),
    )


def broken_storage(
    said: Mapping[str, Json], at: Location, datetimes: Set[Path] | None
) -> Iterator[tuple[Location, str]]:
    """Yield what is wrong between the parts of `storage`, or between them and the fields that the hint names datetime.

    :param datetimes: None when the hint itself is wrong.
    """
    try:
        storage = read_storage(said)
    except (ValueError, KeyError, TypeError):
        return  # it is not of the right form, which the models report
    known = frozenset({tuple(storage.partition_by.split("."))}) if datetimes is None else datetimes
    try:
        check_storage(storage, known, where="")
    except DataError as error:
        (violation,) = error.violations
        # What is no path is named by itself.
        key = _path_key(storage, violation.path) if error.reason is Reason.BAD_PATH else _KEYS[violation.path]
        near = did_you_mean(storage.partition_by, [CREATED_AT, *sorted(map(format_path, known))])
        yield (*at, key), violation.description + (near if key == "partitionBy" else "")


def _path_key(storage: Storage, path: str) -> str:
    return "shardKey" if path == storage.shard_key and path != storage.partition_by else "partitionBy"


def retention_s(text: str) -> int:
    """Return the seconds of a number of days or hours.

    :raises ValueError: it is none.
    """
    found = RETENTION.fullmatch(text)
    if found is None:
        raise ValueError(RETENTION_FORM)
    return int(found[1]) * _SECONDS[found[2]]
