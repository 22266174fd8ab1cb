"""What is a filter in MongoDB? A document for `$match`.

At a path that an index is over stands nothing but scalars, so MongoDB's own operators mean what ours do. Everywhere
else they would look into arrays: there it is an expression.
"""

from collections.abc import Sequence
from operator import ge, gt, le, lt
from typing import Any

from aol_adapters.kit.regexes import PCRE, translate
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.expiring import expired
from aol_adapters.mongodb.places import NUMBERS, is_present, literal, value
from aol_adapters.mongodb.stored import key, stored
from aol_adapters.mongodb.texts import has_words
from aol_wire import metadata
from aol_wire.adapter import Deleted
from aol_wire.errors import DataError, Reason
from aol_wire.filters import (
    And,
    Compare,
    Contains,
    ContainsAny,
    Exists,
    Filter,
    Json,
    Member,
    Not,
    Operator,
    Or,
    Path,
    Regex,
    Text,
)

Match = dict[str, Any]

# What most or all documents are is an expression, which no index serves: MongoDB goes through any index rather than
# through a collection, and would fetch nearly all of its documents one by one.
WITHOUT_TENANT: Match = {"$expr": {"$eq": [{"$ifNull": ["$_aol.t", None]}, None]}}
WITH_TENANT: Match = {"$expr": {"$eq": [{"$type": "$_aol.t"}, "string"]}}
# With another `_id` it is none of ours; a collection that was there before us may have such documents.
_IS_OURS: Match = {"$expr": {"$eq": [{"$type": "$_id"}, "string"]}}

TRUE: Match = {}
FALSE: Match = {"_id": {"$in": []}}

OPERATORS = {Operator.GT: "$gt", Operator.GTE: "$gte", Operator.LT: "$lt", Operator.LTE: "$lte"}
_COMPARED = {Operator.GT: gt, Operator.GTE: ge, Operator.LT: lt, Operator.LTE: le}
_DELETED: dict[Deleted, Match] = {
    Deleted.EXCLUDE: {"_aol.d": None},
    # It says nothing, and keeps the stage from being served by an index: `planning` decides what that is asked.
    Deleted.INCLUDE: {"_aol.d": {"$ne": ""}},
    Deleted.ONLY: {"_aol.d": {"$gt": 0}},
}
_ID: Path = (metadata.ID,)

_Leaf = Compare | Member | Exists | Contains | ContainsAny | Regex


def visible(
    collection: Collection, tenant: str | None, deleted: Deleted, now_us: int, *, by_index: bool = False
) -> list[Match]:
    """Return the conditions for what a request is about, its filter aside.

    :param by_index: an index may serve the rest of the request; all but those of ttl begin with the tenant.
    """
    conditions = [_IS_OURS]
    if tenant is not None:
        conditions.append({"_aol.t": tenant or None} if tenant or by_index else WITHOUT_TENANT)
    conditions.append(_DELETED[deleted])
    gone = expired(collection, now_us)
    if gone:
        conditions.append({"$nor": gone})
    return conditions


class FilterCompiler:
    """Compiles filters on one collection.

    :param tenant: whose documents are asked for, which another condition sees to; None for those of all.
    """

    def __init__(self, collection: Collection, tenant: str | None) -> None:
        self._collection = collection
        self._tenant = tenant

    def compile(self, filter: Filter) -> Match:
        """Return a filter's condition; its patterns are of the common level.

        :raises DataError: BAD_FILTER, for `$text` where no text index is ready.
        """
        match filter:
            case And(filters) | Or(filters):
                operator = "$and" if isinstance(filter, And) else "$or"
                return {operator: [self.compile(part) for part in filters]}
            case Not(inner):
                return {"$nor": [self.compile(inner)]}
            case Text(words):
                return self._text(words)
            case _:
                leaf, negated = _positive(filter)
                found = self._leaf(leaf)
                return {"$nor": [found]} if negated else found

    def _leaf(self, filter: _Leaf) -> Match:
        if filter.path == _ID and self._tenant is not None and isinstance(filter, Compare | Member):
            return self._by_key(filter, self._tenant)
        if filter.path in self._collection.indexed:
            return indexed(filter)
        return {"$expr": _expression(filter)}

    def _by_key(self, filter: Compare | Member, tenant: str) -> Match:
        if isinstance(filter, Member):
            return {"_id": {"$in": [key(tenant, it) for it in filter.values if isinstance(it, str)]}}
        if not isinstance(filter.operand, str):
            return FALSE
        operator = OPERATORS.get(filter.operator, "$eq")
        return {"_id": {operator: key(tenant, filter.operand)}}

    def _text(self, words: Sequence[str]) -> Match:
        if not self._collection.ready_words:
            raise DataError.invalid(Reason.BAD_FILTER, "filter.$text", "the collection has no text index that is ready")
        return has_words(self._collection, words)


def indexed(filter: _Leaf) -> Match:
    """Return the condition on a path that holds scalars only."""
    at = ".".join(filter.path)
    match filter:
        case Compare(_, operator, operand):
            return {at: _compared(operator, operand)}
        case Member(_, values):
            return {at: {"$in": [stored(it) for it in values if not isinstance(it, dict | list)]}}
        case Exists():
            return {at: {"$exists": True}}
        case Contains() | ContainsAny():
            return FALSE
        case Regex(_, pattern, ignore_case):
            return {at: {"$regex": translate(pattern, ignore_case=ignore_case, spelling=PCRE)}}


def _compared(operator: Operator, operand: Json) -> Match:
    if isinstance(operand, dict | list):
        return {"$in": []}
    if operator is Operator.EQ:
        return {"$eq": stored(operand)}
    if isinstance(operand, bool):
        # A list: some servers know no ranges of booleans.
        return {"$in": [it for it in (False, True) if _COMPARED[operator](it, operand)]}
    return {OPERATORS[operator]: stored(operand)}


def _positive(leaf: _Leaf) -> tuple[_Leaf, bool]:
    """Return a leaf that says what something is, and whether that is negated."""
    match leaf:
        case Compare(path, Operator.NE, operand):
            return Compare(path, Operator.EQ, operand), True
        case Member(path, values, negated=True):
            return Member(path, values), True
        case Exists(path, exists=False):
            return Exists(path, True), True
    return leaf, False


def _expression(filter: _Leaf) -> Any:
    at = value(filter.path)
    match filter:
        case Compare(_, Operator.EQ, operand):
            # Some servers take the elements of arrays for equal here that `$in` tells apart, such as 1 and true.
            return {"$in": [at, literal([operand])]}
        case Compare(_, operator, operand):
            return _of_type(at, _types(operand), {OPERATORS[operator]: ["$$v", literal(operand)]})
        case Member(_, values):
            return {"$in": [at, literal(list(values))]}
        case Exists():
            return is_present(filter.path)
        case Contains() | ContainsAny():
            return _of_type(at, ["array"], _has_element(filter))
        case Regex(_, pattern, ignore_case):
            translated = translate(pattern, ignore_case=ignore_case, spelling=PCRE)
            return _of_type(at, ["string"], {"$regexMatch": {"input": "$$v", "regex": {"$literal": translated}}})


def _has_element(filter: Contains | ContainsAny) -> Any:
    if isinstance(filter, Contains):
        return {"$in": [literal(filter.element), "$$v"]}
    return {"$ne": [{"$setIntersection": ["$$v", literal(list(filter.elements))]}, []]}


def _of_type(at: Any, types: Sequence[str], condition: Any) -> Any:
    """Return a condition on a value, false for those of other types; not an `$and`, which may look at both parts."""
    checked = {"$cond": [{"$in": [{"$type": "$$v"}, list(types)]}, condition, False]}
    return {"$let": {"vars": {"v": at}, "in": checked}}


def _types(operand: Json) -> Sequence[str]:
    if isinstance(operand, bool):
        return ["bool"]
    return ["string"] if isinstance(operand, str) else NUMBERS
