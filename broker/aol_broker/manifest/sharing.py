"""To what does a manifest limit what it shares? The words of `sharing`, and what is wrong with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.access.limits_parser import parse_fields, parse_where
from aol_broker.yaml_events import Location
from aol_wire.datetimes import to_us
from aol_wire.errors import DataError
from aol_wire.filters import Json


def read_limits(fields: Sequence[str] | None, where: dict[str, Json] | None, expires: str | None) -> Limits:
    """Return the limits that a manifest says, which are of the right form."""
    limits = Limits(
        parse_fields(fields or ()),
        "" if where is None else parse_where(where),
        0 if expires is None else to_us(expires) or 0,
    )
    return UNLIMITED if limits == UNLIMITED else limits


def broken_limits(said: Mapping[str, Json], at: Location) -> Iterator[tuple[Location, str]]:
    """Yield what is wrong with the fields and the condition of what is shared."""
    fields, where = said.get("fields"), said.get("where")
    if isinstance(fields, list):
        texts = [text for text in fields if isinstance(text, str)]
        if len(texts) == len(fields):
            yield from _broken(lambda: parse_fields(texts), at)
    if isinstance(where, dict):
        yield from _broken(lambda: parse_where(where), at)


def _broken(parse: Callable[[], object], at: Location) -> Iterator[tuple[Location, str]]:
    try:
        parse()
    except DataError as error:
        place, description = error.violations[0].path, error.violations[0].description
        part, _, rest = place.partition(".")
        if part == "fields" and rest.isdecimal():
            yield (*at, "fields", int(rest)), description
        elif part == "where":
            yield (*at, "where"), f"{rest}: {description}" if rest else description
        else:
            # A path in the condition that is none.
            yield (*at, "where"), f"{place}: {description}"
