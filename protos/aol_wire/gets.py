"""Which queries want one document by its id? Those that wait together can be read together."""

from aol_wire.adapter import Find
from aol_wire.filters import Compare, Operator
from aol_wire.metadata import ID

_EQ = Operator.EQ
_BY_ID = (ID,)


def wanted_id(request: Find) -> str | None:
    """Return the id of the one document that a query can find; None when it is another kind of query."""
    wanted = request.filter
    # Not by `match`, which takes four times as long: this is asked of each query more than once.
    if type(wanted) is not Compare or wanted.operator is not _EQ or wanted.path != _BY_ID:
        return None
    id_ = wanted.operand
    if type(id_) is not str or request.target.tenant is None or request.position or request.skip or request.limit <= 0:
        return None
    return id_
