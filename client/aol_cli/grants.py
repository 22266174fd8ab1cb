"""What does a grant look like to people and programs?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aol.admin.v1 import admin_pb2


def grant_as_json(item: "admin_pb2.Grant") -> dict[str, Any]:
    """Return a grant, or a request for one, as `--json` shows it."""
    from aol.admin.v1 import admin_pb2
    from aol.data.v1 import collection_pb2
    from aol_wire.datetimes import from_us

    return {
        "collection": item.collection,
        "service": item.service,
        "permission": enum_word(collection_pb2.Permission, item.permission),
        "state": enum_word(admin_pb2.GrantState, item.state),
        "origin": item.origin,
        "granted_by": item.granted_by,
        "reason": item.reason,
        "created_at": from_us(item.created_us),
    }


def sharing_line(grant: dict[str, Any]) -> str:
    """Return the line of the owner's manifest that agrees to a request."""
    return f"sharing: [{{service: {grant['service']}, permission: {grant['permission']}}}]"


def enum_word(enum: Any, number: int, prefix: str = "") -> str:
    """Return `active` for GRANT_STATE_ACTIVE; the number itself for a value of a newer broker.

    :param prefix: of the enum's names, where the words after it may be several.
    """
    try:
        name = str(enum.Name(number))
        return (name.removeprefix(prefix) if prefix else name.rsplit("_", 1)[-1]).lower()
    except ValueError:
        return str(number)
