"""What is a filter in SQL? A condition that is true or false and never NULL, so that NOT is the exact complement."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterable, Sequence

from aol_adapters.kit.access import ACLS_INDEX, LISTS
from aol_adapters.kit.keyset import Bounded
from aol_adapters.kit.regexes import POSTGRES, translate
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.expiring import expired
from aol_adapters.postgres.places import (
    BOOLEAN,
    LEAST,
    NOTHING,
    NUMBER,
    OTHERS,
    STRING,
    TENANT_ACL,
    TEXTS,
    ColumnPlace,
    DocumentPlace,
    entries_path,
    equals_scalar,
    place,
    text_of,
)
from aol_adapters.postgres.pruning import pruned
from aol_adapters.postgres.words import query_text
from aol_wire.adapter import Deleted, Target
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
    Regex,
    Text,
)
from aol_wire.limits import INT64_MAX, INT64_MIN
from aol_wire.values import type_rank

TRUE, FALSE = "true", "false"

_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_UPWARDS = frozenset({Operator.GT, Operator.GTE})
_DELETED = {Deleted.EXCLUDE: ["deleted_us IS NULL"], Deleted.INCLUDE: [], Deleted.ONLY: ["deleted_us IS NOT NULL"]}
_TYPES = {NUMBER: ("number", "numeric"), STRING: ("string", "text"), BOOLEAN: ("boolean", "boolean")}

_Leaf = Compare | Member | Exists | Contains | ContainsAny | Regex


def where(
    collection: Collection,
    target: Target,
    deleted: Deleted,
    filter: Filter | None,
    bindings: Bindings,
    *,
    now_us: int,
    bounded: Bounded = None,
) -> str:
    """Return the condition for the documents that a request is about; those that are expired are none of them.

    :raises DataError: BAD_FILTER, for `$text` where no text index is ready.
    """
    conditions = []
    if target.tenant is not None:
        conditions.append(f"tenant = {bindings.text(target.tenant)}")
    conditions += _DELETED[deleted]
    is_expired = expired(collection, now_us, bindings)
    if is_expired is not None:
        conditions.append(f"NOT {is_expired}")
    if collection.partitioned is not None:
        conditions += pruned(collection.partitioned, filter, bindings)
    if filter is not None:
        conditions.append(FilterCompiler(collection, bindings, bounded, target.tenant).compile(filter))
    return " AND ".join(conditions) or TRUE


class FilterCompiler:
    """Compiles filters on one collection into conditions, all of them in brackets or single terms.

    :param tenant: whose documents are asked for, which another condition sees to; None for those of all.
    """

    def __init__(
        self, collection: Collection, bindings: Bindings, bounded: Bounded = None, tenant: str | None = None
    ) -> None:
        self._collection = collection
        self._tenant = tenant
        self._bounded = bounded
        self._bindings = bindings

    def compile(self, filter: Filter) -> str:
        """Return a filter's condition; its patterns are of the common level."""
        match filter:
            case And(filters):
                return _joined(" AND ", map(self.compile, filters))
            case Or(filters):
                return _joined(" OR ", map(self.compile, filters))
            case Not(inner):
                return f"(NOT {self.compile(inner)})"
            case Text(words):
                return self._text(words)
            case Member(values=(), negated=negated):
                return TRUE if negated else FALSE
            case _:
                leaf, negated = _positive(filter)
                at = place(leaf.path, self._collection.indexed, self._bindings)
                found = self._column(at, leaf) if isinstance(at, ColumnPlace) else self._document(at, leaf)
                return f"(NOT {found})" if negated else found

    def _document(self, at: DocumentPlace, filter: _Leaf) -> str:
        match filter:
            case Compare(_, Operator.EQ, operand):
                return self._equals_any(at, (operand,))
            case Member(_, values):
                return self._equals_any(at, values)
            case Compare(_, operator, operand):
                return (self._indexed_range if at.is_indexed else self._range)(at, filter, operator, operand)
            case Exists():
                return f"({at.json} IS NOT NULL)"
            case Contains() | ContainsAny():
                return self._contains(at, filter)
            case Regex():
                translated = self._pattern(filter)
                matches = f"({at.json} #>> '{{}}') COLLATE \"C\" ~ {translated}"
                return f"(CASE WHEN jsonb_typeof({at.json}) = 'string' THEN {matches} ELSE false END)"

    def _equals_any(self, at: DocumentPlace, values: Sequence[Json]) -> str:
        by_rank: dict[int, list[Json]] = {}
        for value in values:
            by_rank.setdefault(type_rank(value), []).append(value)
        if at.is_indexed:
            conditions = [self._indexed_equals(at, rank, candidates) for rank, candidates in by_rank.items()]
        else:
            conditions = []
            if by_rank.pop(NOTHING, None):
                conditions.append(f"(coalesce(jsonb_typeof({at.json}), 'null') = 'null')")
            conditions += [self._equals_value(at, value) for group in by_rank.values() for value in group]
        return _joined(" OR ", conditions)

    def _equals_value(self, at: DocumentPlace, value: Json) -> str:
        return f"coalesce({at.json} = {self._bindings.jsonb(value)}, false)"

    def _indexed_equals(self, at: DocumentPlace, rank: int, values: Sequence[Json]) -> str:
        """Return the condition that an indexed value equals one of some values of one rank."""
        if isinstance(values[0], dict | list):
            return _joined(" OR ", [self._equals_value(at, value) for value in values])
        if len(values) == 1 or rank in {NOTHING, BOOLEAN}:
            return _joined(" OR ", [equals_scalar(at, value, self._bindings) for value in values])
        if rank == NUMBER:
            numbers = self._bindings.numerics([value for value in values if isinstance(value, int | float)])
            return f"({at.number} = ANY ({numbers}) AND {at.text} = '')"
        texts = self._bindings.texts([str(value) for value in values])
        return f"({at.number} = {TEXTS} AND {at.text} = ANY ({texts}))"

    def _range(self, at: DocumentPlace, _: Compare, operator: Operator, operand: Json) -> str:
        name, sql_type = _TYPES[type_rank(operand)]
        if sql_type == "text":
            value, bound = f"({at.json} #>> '{{}}') COLLATE \"C\"", self._bindings.text(str(operand))
        elif isinstance(operand, bool):
            value, bound = f"{at.json}::boolean", TRUE if operand else FALSE
        else:
            assert isinstance(operand, int | float)  # noqa: S101 - the type's rank
            value, bound = f"{at.json}::numeric", self._bindings.numeric(operand)
        # A CASE, because AND may look at its second part first.
        return f"(CASE WHEN jsonb_typeof({at.json}) = '{name}' THEN {value} {_SIGNS[operator]} {bound} ELSE false END)"

    def _indexed_range(self, at: DocumentPlace, filter: Compare, operator: Operator, operand: Json) -> str:
        """Return a range of an index: a bound on each side, so that no other type is in it."""
        sign, upwards = _SIGNS[operator], operator in _UPWARDS
        hidden = self._bounded is not None and filter.path == self._bounded[0] and operator in self._bounded[1]
        if isinstance(operand, int | float) and not isinstance(operand, bool):
            number = f"coalesce({at.number}, {LEAST})" if hidden else at.number
            other_side = f"{at.number} < {TEXTS}" if upwards else f"{at.number} > {LEAST}"
            return f"({number} {sign} {self._bindings.numeric(operand)} AND {other_side})"
        text = f"coalesce({at.text}, '')" if hidden else at.text
        bound = self._bindings.text(text_of(type_rank(operand), operand))
        if isinstance(operand, str):
            return f"({at.number} = {TEXTS} AND {text} {sign} {bound})"
        other_side = f"{at.text} <= 'true'" if upwards else f"{at.text} >= 'false'"
        return f"({at.number} = {OTHERS} AND {text} {sign} {bound} AND {other_side})"

    def _contains(self, at: DocumentPlace, filter: Contains | ContainsAny) -> str:
        if isinstance(filter, ContainsAny):
            return self._contains_any(at, filter)
        wanted = self._bindings.jsonb(filter.element)
        if isinstance(filter.element, dict | list):
            # The operator @> would be content with a part of what is asked for.
            found = f"EXISTS (SELECT 1 FROM jsonb_array_elements({at.json}) AS element WHERE element = {wanted})"
        else:
            found = f"{at.json} @> {wanted}"
        return f"(CASE WHEN jsonb_typeof({at.json}) = 'array' THEN {found} ELSE false END)"

    def _contains_any(self, at: DocumentPlace, filter: ContainsAny) -> str:
        # No stored string holds NUL.
        elements = [element for element in filter.elements if "\0" not in element]
        found = f"{at.json} ?| {self._bindings.texts(elements)}"
        exact = f"(CASE WHEN jsonb_typeof({at.json}) = 'array' THEN {found} ELSE false END)"
        if (
            not elements
            or self._tenant is None
            or ACLS_INDEX not in self._collection.access
            or filter.path not in LISTS
        ):
            return exact
        # It holds of a little more than is asked for, and may be NULL where that is not so.
        path = self._bindings.text(entries_path(self._tenant, filter.path[-1], elements))
        return f"({TENANT_ACL} @? {path}::jsonpath AND {exact})"

    def _column(self, at: ColumnPlace, filter: _Leaf) -> str:
        """Return a condition on metadata."""
        present = f"({at.present})" if at.present else TRUE
        match filter:
            case Compare(_, Operator.EQ, operand):
                return self._column_equals_any(at, (operand,))
            case Member(_, values):
                return self._column_equals_any(at, values)
            case Compare(_, operator, operand) if type_rank(operand) == at.rank:
                return f"({present} AND {self._column_compared(at, _SIGNS[operator], operand)})"
            case Exists():
                return present
            case Regex() if at.rank == STRING:
                return f"({present} AND {at.column} ~ {self._pattern(filter)})"
            case _:
                return FALSE

    def _column_equals_any(self, at: ColumnPlace, values: Sequence[Json]) -> str:
        conditions = []
        if any(value is None for value in values):
            conditions.append(f"(NOT ({at.present}))" if at.present else FALSE)
        candidates = [value for value in values if type_rank(value) == at.rank]
        if at.rank == STRING and len(candidates) > 1:
            texts = self._bindings.texts([str(value) for value in candidates])
            conditions.append(_present(at, f"{at.column} = ANY ({texts})"))
        else:
            conditions += [_present(at, self._column_compared(at, "=", value)) for value in candidates]
        return _joined(" OR ", conditions or [FALSE])

    def _column_compared(self, at: ColumnPlace, sign: str, operand: Json) -> str:
        if isinstance(operand, str):
            return f"{at.column} {sign} {self._bindings.text(operand)}"
        assert isinstance(operand, int | float)  # noqa: S101 - metadata are strings and numbers
        if isinstance(operand, int) and INT64_MIN <= operand <= INT64_MAX:
            return f"{at.column} {sign} {self._bindings.integer(operand)}"
        return f"{at.column}::numeric {sign} {self._bindings.numeric(operand)}"

    def _pattern(self, regex: Regex) -> str:
        return self._bindings.text(translate(regex.pattern, ignore_case=regex.ignore_case, spelling=POSTGRES))

    def _text(self, words: Sequence[str]) -> str:
        columns = self._collection.ready_words
        if not columns:
            raise DataError.invalid(Reason.BAD_FILTER, "filter.$text", "the collection has no text index that is ready")
        if not words:
            return TRUE
        if len(columns) == 1:
            return self._has_words(columns[0].column, words)
        # A word may be in the one and the next word in the other.
        return _joined(
            " AND ", [_joined(" OR ", [self._has_words(it.column, [word]) for it in columns]) for word in words]
        )

    def _has_words(self, column: str, words: Sequence[str]) -> str:
        # Not a coalesce, which would hide the operator from the index.
        return f"({column} IS NOT NULL AND {column} @@ {self._bindings.text(query_text(words))}::tsquery)"


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


def _present(at: ColumnPlace, condition: str) -> str:
    return f"({at.present} AND {condition})" if at.present else f"({condition})"


def _joined(operator: str, conditions: Iterable[str]) -> str:
    return "(" + operator.join(conditions) + ")"
