"""Which values belong to the parameters of a statement?"""

import orjson

from aol_adapters.sqlite.functions import LOCATE
from aol_adapters.sqlite.quoting import json_path
from aol_adapters.sqlite.values import SqlValue
from aol_wire.filters import Path
from aol_wire.limits import INT64_MAX, INT64_MIN
from aol_wire.values import array_index


class Bindings:
    """The bound values of one statement, in the order of their numbers."""

    def __init__(self) -> None:
        self.values: list[SqlValue] = []
        self._paths: dict[tuple[str, Path], str] = {}

    def add(self, value: SqlValue) -> str:
        """Bind a value and return its parameter."""
        # An integer beyond int64 is exactly a double, or it would not be a value.
        if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
            value = float(value)
        self.values.append(value)
        return f"?{len(self.values)}"

    def add_path(self, source: str, path: Path) -> str:
        """Bind a path into a JSON column; return SQL for SQLite's JSON path, NULL where there is no value."""
        found = self._paths.get((source, path))
        if found is None:
            if any(array_index(segment) is not None for segment in path):
                # Whether such a segment is an index or a key is different from document to document.
                found = f"{LOCATE}(json({source}), {self.add(orjson.dumps(path).decode())})"
            else:
                found = self.add(json_path(path))
            self._paths[source, path] = found
        return found
