"""What should calls on secured collections reach? A model of a few lines that knows nothing of the broker's code."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Who:
    """On whose behalf a call is made."""

    tenant: str = ""
    user: str = ""
    teams: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    regions: tuple[str, ...] | None = None
    clearance: int | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes, as a context has them."""
        said = {"regions": None if self.regions is None else list(self.regions), "clearance": self.clearance}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def entries(self) -> set[str]:
        """The entries of access control lists that mean this user."""
        return {f"user:{self.user}", *(f"team:{name}" for name in self.teams), *(f"role:{name}" for name in self.roles)}


@dataclass(frozen=True, slots=True)
class Policy:
    """The security of a collection: as a manifest says it, and in Python."""

    name: str
    manifest: str
    meets: Callable[[Body, Who], bool] = lambda body, who: True
    tenant: str = ""
    owner: bool = False
    acl: bool = False
    soft: bool = False
    asks: frozenset[str] = frozenset()
    looks_at: str = ""

    def lacks(self, who: Who) -> bool:
        """Whether a context does not say all that is needed."""
        asked = {"tenant": who.tenant, "user": who.user, **who.attributes}
        needed = {"tenant"} if self.tenant == "required" else set()
        needed |= ({"user"} if self.owner else set()) | self.asks
        return any(not asked.get(name) and asked.get(name) not in (0, []) for name in needed)


POLICIES = (
    Policy(
        "everything",
        'tenant: required, owner: true, acl: true, attributes: [{region: {"$in": "$context.regions"}}]',
        lambda body, who: body.get("region") in (who.regions or ()),
        tenant="required",
        owner=True,
        acl=True,
        asks=frozenset({"regions"}),
        looks_at="region",
    ),
    Policy("tenants", "tenant: optional", tenant="optional"),
    Policy("owners", "owner: true", owner=True, soft=True),
    Policy("shared", "owner: true, acl: true", owner=True, acl=True, soft=True),
    Policy(
        "levels",
        'tenant: required, attributes: [{level: {"$lte": "$context.clearance"}}]',
        lambda body, who: "level" in body and body["level"] <= (who.clearance or 0),
        tenant="required",
        asks=frozenset({"clearance"}),
        looks_at="level",
    ),
    Policy(
        "mixed",
        'tenant: optional, owner: true, acl: true, attributes: [{"$not": {team: {"$nin": "$context.teams"}}}]',
        lambda body, who: body.get("team") in who.teams,
        tenant="optional",
        owner=True,
        acl=True,
        soft=True,
        looks_at="team",
    ),
)


@dataclass(slots=True)
class Stored:
    """A document as it should be."""

    tenant: str
    id: str
    body: Body
    owner: str = ""
    read: frozenset[str] = frozenset()
    write: frozenset[str] = frozenset()
    version: int = 1
    deleted: bool = False

    def shown(self) -> Body:
        """The document with its metadata, times aside."""
        acl = {"read": sorted(self.read), "write": sorted(self.write)} if self.read else None
        said = {"_owner": self.owner, "_tenant": self.tenant, "_acl": acl}
        metadata = {"_id": self.id, "_version": self.version, **{key: value for key, value in said.items() if value}}
        return {**self.body, **metadata}


@dataclass(slots=True)
class Model:
    """A collection as it should be."""

    policy: Policy
    documents: dict[tuple[str, str], Stored] = field(default_factory=dict)

    def reached(self, who: Who, *, change: bool = False, deleted: bool = False) -> list[Stored]:
        """Return what a call reaches, of the documents that are deleted or of the others."""
        return [
            item
            for item in self.documents.values()
            if item.deleted is deleted
            and (not self.policy.tenant or item.tenant == who.tenant)
            and (not self.policy.owner or item.owner == who.user or who.entries & (item.write if change else item.read))
            and self.policy.meets(item.body, who)
        ]

    def add(self, who: Who, id_: str, body: Body, acl: dict[str, list[str]] | None) -> str:
        """Insert a document; return the reason for which that fails, "" if it does not."""
        if not self.policy.meets(body, who):
            return "FIELD_DENIED"
        key = (who.tenant if self.policy.tenant else "", id_)
        present = self.documents.get(key)
        if present is None:
            write = frozenset((acl or {}).get("write", ()))
            read = frozenset((acl or {}).get("read", ())) | write
            owner = who.user if self.policy.owner else ""
            self.documents[key] = Stored(key[0], id_, dict(body), owner, read, write)
            return ""
        equal = not present.deleted and present.body == body
        return "" if equal and present in self.reached(who) else "DUPLICATE_ID"

    def drop(self, documents: Iterable[Stored]) -> None:
        """Delete documents for good."""
        for item in list(documents):
            del self.documents[item.tenant, item.id]


def matching(documents: Iterable[Stored], filters: dict[str, Any]) -> list[Stored]:
    """Return the documents that match a filter of the few kinds that the programs use."""
    return [item for item in documents if _matches(item.shown(), filters)]


def _matches(shown: Body, filters: dict[str, Any]) -> bool:
    return all(_holds(shown, key, operand) for key, operand in filters.items())


def _holds(shown: Body, key: str, operand: Any) -> bool:
    match key, operand:
        case "$or", _:
            return any(_matches(shown, part) for part in operand)
        case "$not", _:
            return not _matches(shown, operand)
        case _, {"$gte": least}:
            return key in shown and bool(shown[key] >= least)
        case _, {"$ne": other}:
            return bool(shown.get(key) != other)
        case _, {"$exists": exists}:
            return (key in shown) is exists
        case _:
            return bool(shown.get(key) == operand)


def ordered(documents: Iterable[Stored], sort: list[tuple[str, str]]) -> list[Stored]:
    """Return documents in order; what is missing comes first."""
    result = list(documents)
    last = sort[-1][1] == "desc" if sort else False
    result.sort(key=lambda item: (item.tenant, item.id), reverse=last)
    for path, direction in reversed(sort):
        result.sort(
            key=lambda item: (path in item.shown(), item.shown().get(path, 0)),
            reverse=direction == "desc",
        )
    return result
