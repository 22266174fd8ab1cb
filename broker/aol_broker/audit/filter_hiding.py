"""Which values of a filter may be read in an audit record, and which only be looked for?

Hidden is what is compared with a sensitive path, or with one whose name is that of a secret, wherever it stands: alone,
in a list, in an object that is compared whole. So is what cannot be told to belong to a path that is neither.
"""

from aol_broker.audit.secret_names import names_secret
from aol_broker.audit.value_hash import hidden
from aol_wire.filters import Json, Path
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.values import array_index

_Rest = tuple[Path, ...]
"""What is left of the sensitive paths at a place below which they go on."""
_SENSITIVE: _Rest = ((),)


def searches_secrets(indexes: tuple[IndexSpec, ...]) -> bool:
    """Whether a text query is over a field whose name is that of a secret."""
    return any(names_secret(".".join(path)) for path in _searched(indexes))


class TooManyHiddenError(Exception):
    """A filter has more hidden values than a record has room for."""


class FilterHiding:
    """Hides values of one filter; use it for no other."""

    def __init__(self, sensitive: tuple[Path, ...], indexes: tuple[IndexSpec, ...], key: bytes, at_most: int) -> None:
        """`indexes` are the collection's: a text query is over those of the type text. `at_most` values are hidden."""
        self._root = tuple(_without_indexes(path) for path in sensitive)
        self._indexes = indexes
        self._key = key
        self._left = at_most

    def filter(self, value: Json) -> Json:
        """Return a filter's JSON, which nobody need have checked, as records show it.

        :raises TooManyHiddenError: it has more than `at_most` values to hide.
        """
        if not isinstance(value, dict):
            return self._hidden(value)
        return {key: self._entry(key, operand) for key, operand in value.items()}

    def _entry(self, key: str, operand: Json) -> Json:
        if not key.startswith("$"):
            return self._compared(_below(self._root, key), operand)
        if key in {"$and", "$or"} and isinstance(operand, list):
            return [self.filter(item) for item in operand]
        if key == "$not":
            return self.filter(operand)
        if key == "$text" and isinstance(operand, str) and not self._text_is_sensitive():
            return operand
        return self._hidden(operand)

    def _compared(self, place: _Rest, operand: Json) -> Json:
        if isinstance(operand, dict) and any(name.startswith("$") for name in operand):
            return {name: self._operand(place, name, item) for name, item in operand.items()}
        return self._value(place, operand)

    def _operand(self, place: _Rest, operator: str, operand: Json) -> Json:
        if not operator.startswith("$"):
            return self._value(_below(place, operator), operand)
        if (operator == "$exists" and isinstance(operand, bool)) or (operator == "$options" and operand in ("i", "")):
            return operand
        if operator in {"$in", "$nin"} and isinstance(operand, list):
            return [self._value(place, item) for item in operand]
        if operator == "$not":
            return self._compared(place, operand)
        return self._value(place, operand)

    def _value(self, place: _Rest, value: Json) -> Json:
        """Return a value that stands at a place. Elements of an array stand where the array does."""
        if place == _SENSITIVE:
            return self._hidden(value)
        if isinstance(value, dict):
            return {
                key: self._value(place if key.startswith("$") else _below(place, key), item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._value(place, item) for item in value]
        return value

    def _text_is_sensitive(self) -> bool:
        searched = _searched(self._indexes)
        if not searched:
            # It is not known what the words were to be found in.
            return bool(self._root)
        return any(_below(self._root, ".".join(path)) == _SENSITIVE for path in searched)

    def _hidden(self, value: Json) -> Json:
        self._left -= 1
        if self._left < 0:
            raise TooManyHiddenError
        return hidden(value, self._key)


def _searched(indexes: tuple[IndexSpec, ...]) -> list[Path]:
    return [field.path for index in indexes if index.type is IndexType.TEXT for field in index.fields]


def _below(place: _Rest, key: str) -> _Rest:
    """Return what is left of the sensitive paths below `key`, a segment or several with dots between them."""
    if place == _SENSITIVE or names_secret(key):
        return _SENSITIVE
    for segment in key.split("."):
        # The place of an element in its array says nothing of what it is.
        is_index = array_index(segment) is not None
        place = tuple(path[1:] if path[0] == segment else path for path in place if path[0] == segment or is_index)
        if () in place:
            return _SENSITIVE
    return place


def _without_indexes(path: Path) -> Path:
    """Return a path as it is matched: what is sensitive in one element of an array is so in each."""
    return tuple(segment for segment in path if array_index(segment) is None) or path
