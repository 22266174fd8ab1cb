"""Does a filter name documents by their key? What an explanation needs to know of a filter."""

from aol_wire import metadata
from aol_wire.filters import And, Compare, Filter, Member, Operator


def names_id(filter: Filter | None) -> bool:
    """Return whether every matching document has its id compared with given ones."""
    match filter:
        case And(filters):
            return any(map(names_id, filters))
        case Compare(path, operator, _):
            return path == (metadata.ID,) and operator is not Operator.NE
        case Member(path, _, negated):
            return path == (metadata.ID,) and not negated
        case _:
            return False
