"""What is a grant to be limited to? Its paths, filter and time as somebody writes them, made into checked limits."""

from collections.abc import Sequence
from itertools import islice

import orjson

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.scope import paths_of
from aol_wire.adapter import Capability
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter_object
from aol_wire.filters import Filter, Json, Path
from aol_wire.json_text import decode
from aol_wire.limits import GRANT_MAX_FIELDS, GRANT_WHERE_MAX_BYTES
from aol_wire.metadata import ID, RESERVED
from aol_wire.paths import format_path, parse_path, parse_projection

# 9999-12-31T23:59:59.999999Z: what comes after it has no date.
_TIME_MAX_US = 253_402_300_799_999_999


def parse_limits(fields: Sequence[str] = (), where: str = "", expires_us: int = 0) -> Limits:
    """Return the limits that a call asks for; none of them: unlimited.

    :raises DataError: BAD_PATH, BAD_FILTER, TOO_LARGE, BAD_REQUEST, with the place: `fields.0`, `where.a.$gt`,
        `expires_us`.
    """
    condition = ""
    if where:
        condition = parse_where(decode(where, Reason.BAD_FILTER, "where", GRANT_WHERE_MAX_BYTES))
    if not 0 <= expires_us <= _TIME_MAX_US:
        raise DataError.invalid(Reason.BAD_REQUEST, "expires_us", "it is microseconds since 1970, up to the year 9999")
    limits = Limits(parse_fields(fields), condition, expires_us)
    return UNLIMITED if limits == UNLIMITED else limits


def parse_fields(fields: Sequence[str], place: str = "fields") -> tuple[Path, ...]:
    """Return paths in order, without those that lie in another one.

    :raises DataError: BAD_PATH, TOO_LARGE.
    """
    given = list(islice(fields, GRANT_MAX_FIELDS + 1))
    if len(given) > GRANT_MAX_FIELDS:
        raise DataError.invalid(Reason.TOO_LARGE, place, f"at most {GRANT_MAX_FIELDS} paths")
    for number, text in enumerate(given):
        try:
            parse_path(text, projection=True)
        except DataError as error:
            description = f"{error.violations[0].path}: {error.violations[0].description}"
            raise DataError.invalid(Reason.BAD_PATH, f"{place}.{number}", description) from None
    return tuple(sorted(parse_projection(given)))


def parse_where(value: Json) -> str:
    """Return a condition as it is kept: JSON text in one form.

    :param value: a filter's JSON; it is over the document and its `_id`.
    :raises DataError: BAD_PATH, BAD_FILTER, TOO_LARGE.
    """
    # Made first: parsing may change what it is given.
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if len(text.encode()) > GRANT_WHERE_MAX_BYTES:
        raise DataError.invalid(Reason.TOO_LARGE, "where", f"at most {GRANT_WHERE_MAX_BYTES:,} bytes")
    condition = parse_filter_object(value, root="where")
    if condition is None:
        raise DataError.invalid(Reason.BAD_FILTER, "where", "an empty filter limits nothing; leave it out")
    if Capability.TEXT in required_by_filter(condition):
        raise DataError.invalid(
            Reason.BAD_FILTER, "where", "$text cannot limit a grant: it does not say of one document if it matches"
        )
    for path in paths_of(condition):
        # Other metadata changes with every update, or is decided after a document is checked.
        if path[0] in RESERVED and path[0] != ID:
            raise DataError.invalid(
                Reason.BAD_PATH, "where", f"{format_path(path)}: of the metadata, only _id can limit a grant"
            )
    return text


def needed_by(limits: Limits) -> frozenset[Capability]:
    """Return the capabilities that the adapter of a collection needs for a grant within these limits."""
    return required_by_filter(_condition(limits))


def _condition(limits: Limits) -> Filter | None:
    return parse_filter_object(orjson.loads(limits.where), root="where") if limits.where else None
