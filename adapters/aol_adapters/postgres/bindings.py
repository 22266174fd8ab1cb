"""Which values belong to the parameters of a statement?"""

from collections.abc import Sequence

from aol_adapters.postgres.numbers import jsonb_text, number_text
from aol_wire.filters import Json, Path

Bound = str | int | None | Sequence[str | None] | Sequence[int | None]


class Bindings:
    """The bound values of one statement, in the order of their numbers. Each method returns SQL of the named type."""

    def __init__(self) -> None:
        self.values: list[Bound] = []
        self._paths: dict[Path, str] = {}

    def text(self, value: str) -> str:
        """Bind a text."""
        return self._add(value, "text")

    def integer(self, value: int) -> str:
        """Bind an integer of int64."""
        return self._add(value, "int8")

    def numeric(self, value: int | float) -> str:
        """Bind any number, exactly."""
        return f"{self._add(number_text(value), 'text')}::numeric"

    def jsonb(self, value: Json) -> str:
        """Bind a JSON value."""
        return self._add(jsonb_text(value), "jsonb")

    def texts(self, values: Sequence[str | None]) -> str:
        """Bind texts as an array."""
        return self._add(values, "text[]")

    def integers(self, values: Sequence[int | None]) -> str:
        """Bind integers of int64 as an array."""
        return self._add(values, "int8[]")

    def numerics(self, values: Sequence[int | float]) -> str:
        """Bind any numbers as an array, exactly."""
        return f"{self.texts([number_text(value) for value in values])}::numeric[]"

    def path(self, path: Path) -> str:
        """Bind a path, once, as an array of texts."""
        found = self._paths.get(path)
        if found is None:
            found = self._paths[path] = self._add(list(path), "text[]")
        return found

    def _add(self, value: Bound, kind: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{kind}"
