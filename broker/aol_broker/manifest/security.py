"""How does a manifest say which documents a call reaches? The words of `security`, and what is wrong with them."""

from collections.abc import Iterator, Mapping

import orjson

from aol_broker.security.conditions import check_condition, node_count
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy, TenantRule
from aol_broker.yaml_events import Location
from aol_wire.errors import DataError
from aol_wire.filters import Json
from aol_wire.limits import SECURITY_MAX_NODES

_NOTHING = "it says nothing: give tenant, owner or attributes, or leave security out"


def read_security(said: Mapping[str, Json] | None) -> SecurityPolicy:
    """Return what `security` says, which is of the right form."""
    if said is None:
        return NO_SECURITY
    conditions = said.get("attributes")
    texts = (
        orjson.dumps(condition, option=orjson.OPT_SORT_KEYS).decode()
        for condition in (conditions if isinstance(conditions, list) else [])
    )
    rule = TenantRule(str(said.get("tenant") or ""))
    # In an order that says nothing, so that writing them in another one changes nothing.
    return SecurityPolicy(rule, said.get("owner") is True, said.get("acl") is True, tuple(sorted(set(texts))))


def broken_security(said: Mapping[str, Json], at: Location) -> Iterator[tuple[Location, str]]:
    """Yield what is wrong between the parts of `security`, and in its conditions."""
    if not any(said.get(key) for key in ("tenant", "owner", "acl", "attributes")):
        yield at, _NOTHING
    if said.get("acl") is True and said.get("owner") is not True:
        yield (*at, "acl"), "it needs owner: true, as nobody else may change who is let in"
    conditions = said.get("attributes")
    nodes = 0
    for position, condition in enumerate(conditions if isinstance(conditions, list) else ()):
        if not isinstance(condition, dict):
            continue  # the models report it
        try:
            check_condition(condition)
            nodes += node_count(condition)
        except DataError as error:
            violation = error.violations[0]
            yield (*at, "attributes", position, *_inside(condition, violation.path)), violation.description
    if nodes > SECURITY_MAX_NODES:
        yield (*at, "attributes"), f"all together have at most {SECURITY_MAX_NODES} nodes, not {nodes}"


def _inside(condition: Json, path: str) -> Location:
    """Return as much of a place in a condition as stands there: keys may be dotted."""
    location: Location = ()
    rest = path.removeprefix("filter").lstrip(".")
    while rest:
        if isinstance(condition, dict):
            keys = [key for key in condition if rest == key or rest.startswith(f"{key}.")]
            if not keys:
                break
            key: str | int = max(keys, key=len)
            condition = condition[str(key)]
        elif (
            isinstance(condition, list) and (index := rest.split(".", 1)[0]).isdecimal() and int(index) < len(condition)
        ):
            key, condition = int(index), condition[int(index)]
        else:
            break
        location, rest = (*location, key), rest[len(str(key)) + 1 :]
    return location
