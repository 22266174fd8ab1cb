"""What does a grant look like to people and programs?"""

from typing import TYPE_CHECKING, Any

from aol_cli.output import shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import access_pb2
    from aol.data.v1 import access_request_pb2, data_broker_pb2


def grant_as_json(item: "access_pb2.Grant") -> dict[str, Any]:
    """Return a grant, or a request for one, as `--json` shows it."""
    from aol.admin.v1 import access_pb2
    from aol.data.v1 import collection_pb2
    from aol_wire.datetimes import from_us

    return {
        "collection": item.collection,
        "service": item.service,
        "permission": permission_word(collection_pb2.Permission, item.permission),
        "state": enum_word(access_pb2.GrantState, item.state),
        "origin": item.origin,
        "granted_by": item.granted_by,
        "reason": item.reason,
        "created_at": from_us(item.created_us),
        "name": item.name,
        **limits_as_json(item),
        "orphaned": item.orphaned,
        "refusal": refusal_as_json(item.refusal) if item.HasField("refusal") else None,
    }


def request_as_json(item: "access_request_pb2.AccessRequest") -> dict[str, Any]:
    """Return a request for access as `--json` shows it."""
    from aol.data.v1 import access_request_pb2, collection_pb2
    from aol_wire.datetimes import from_us

    return {
        "collection": item.collection,
        "service": item.service,
        "permission": permission_word(collection_pb2.Permission, item.permission),
        "state": enum_word(access_request_pb2.AccessRequestState, item.state),
        "reason": item.reason,
        "created_at": from_us(item.created_us),
        "refusal": refusal_as_json(item.refusal) if item.HasField("refusal") else None,
    }


def refusal_as_json(refusal: "access_request_pb2.Refusal") -> dict[str, str]:
    """Return who refused a request, when, and why, as `--json` shows it."""
    from aol_wire.datetimes import from_us

    return {
        "refused_by": refusal.refused_by,
        "reason": refusal.reason,
        "refused_at": from_us(refusal.created_us),
    }


def refusal_line(item: dict[str, Any]) -> str:
    """Return in a line that a request was refused."""
    refusal = item["refusal"]
    asked = f"{item['permission']} for {item['service']} on {item['collection']}"
    return f"Refused: {asked}, by {refusal['refused_by']} at {shown_time(refusal['refused_at'])}: {refusal['reason']}"


def state_word(grant: dict[str, Any]) -> str:
    """Return the state of a grant in a word, for people."""
    return "orphaned" if grant["orphaned"] and grant["state"] == "active" else str(grant["state"])


def limits_as_json(item: "access_pb2.Grant | data_broker_pb2.GrantAccessRequest") -> dict[str, Any]:
    """Return what a grant is limited to, as `--json` shows it."""
    import orjson

    from aol_wire.datetimes import from_us

    return {
        "fields": list(item.fields),
        "where": orjson.loads(item.where) if item.where else None,
        "expires_at": from_us(item.expires_us) if item.expires_us else None,
    }


def limits_text(grant: dict[str, Any]) -> str:
    """Return what a grant is limited to, in a few words; empty where it is not."""
    import orjson

    parts = []
    if grant["fields"]:
        parts.append(f"fields {', '.join(grant['fields'])}")
    if grant["where"] is not None:
        parts.append(f"where {orjson.dumps(grant['where']).decode()}")
    if grant["expires_at"] is not None:
        parts.append(f"until {shown_time(grant['expires_at'])}")
    return "; ".join(parts)


def agreeing_command(grant: dict[str, Any]) -> str:
    """Return the command by which an operator agrees to a request."""
    return f"aol grant {grant['collection']} {grant['service']} {grant['permission']}"


def answering_command(verb: str, request: dict[str, Any]) -> str:
    """Return the command by which an operator approves or refuses a request."""
    return f"aol requests {verb} {request['service']} {request['collection']} --permission {request['permission']}"


def sharing_line(grant: dict[str, Any]) -> str:
    """Return the line of the owner's manifest that agrees to a request."""
    return f"sharing: [{{service: {grant['service']}, permission: {grant['permission']}}}]"


def permission_word(enum: Any, number: int) -> str:
    """Return `assert-context` for PERMISSION_ASSERT_CONTEXT; `enum` is the type of permissions."""
    return enum_word(enum, number, "PERMISSION_").replace("_", "-")


def enum_word(enum: Any, number: int, prefix: str = "") -> str:
    """Return `active` for GRANT_STATE_ACTIVE; the number itself for a value of a newer broker.

    :param prefix: of the enum's names, where the words after it may be several.
    """
    try:
        name = str(enum.Name(number))
        return (name.removeprefix(prefix) if prefix else name.rsplit("_", 1)[-1]).lower()
    except ValueError:
        return str(number)
