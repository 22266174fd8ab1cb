"""Which queries want one document by its id? Those that wait together can be read together."""

from aol_wire import metadata
from aol_wire.adapter import Find
from aol_wire.filters import Compare, Operator


def wanted_id(request: Find) -> str | None:
    """Return the id of the one document that a query can find; None when it is another kind of query."""
    match request.filter:
        case Compare((metadata.ID,), Operator.EQ, str(id_)) if (
            request.target.tenant is not None and not request.position and not request.skip and request.limit > 0
        ):
            return id_
    return None
