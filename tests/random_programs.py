"""What may anybody do to a collection? Programs of random steps, each made of its seed alone.

A step is a JSON object in the dict forms of the SDK, so that a program can be printed, cut down, and run again.
"""

from random import Random
from typing import Any

from aol_wire.datetimes import from_us

Step = dict[str, Any]

START_US = 1_700_000_000_000_000
"""When a program begins; each of its mutations happens one microsecond after the one before."""
TENANTS = ("", "north", "south")
FINAL_STEPS: list[Step] = [
    {"do": "find", "tenant": None, "filter": {}, "sort": [], "deleted": "include", "pages": 100},
    {"do": "inspect"},
]
"""What is compared in the end: everything that is left."""

_INTEGERS = [-(2**63), -7, -1, 0, 1, 2, 3, 5, 8, 13, 2**53, 2**53 + 1, 2**63 - 1]
_DOUBLES = [-1.5, -0.0, 0.5, 1.0, 2.5, float(2**53), float(2**63), 1e16, 1e300, 5e-324]
_STRINGS = [
    "",
    "a",
    "A",
    "ab",
    "b",
    "é",
    "E\u0301",
    "\uff5e",
    "😀",
    "1",
    "null",
    "'\"\\",
    "x' OR 1=1 --",
    "a\n",
    "\x7f",
]
_TEXTS = ["red fox", "The Red Fox!", "fox-trot", "straße STRASSE", "日本 go", "x1 y2", "...", "Ünï cödé red"]
_WORDS = ["red", "fox", "RED FOX", "strasse", "日本", "y2 x1", "cödé", "trot fox", "nothing"]
_PATTERNS = ["a", "^a", "b$", "^$", ".", "[a-c]+", "^(a|b)c?", "\\d", "^\\w+$", "\\bfox\\b", "é", "^.{2}$", "[^a]", "R"]
_FULL_PATTERNS = ["(?i)red", "\\p{L}", "(a*)*b", "[[:alpha:]]+", "\\x{1F600}"]
_WILD = ["a", "b", "a.a", "a.b", "a.0", "b.0", "b.1", "b.0.a", "a.b.0", "o", "o.x.y", "é", "it's"]
_TAME = ["n", "s", "o.k", "t"]
"""Paths that mostly hold what an index takes; `t` holds times."""
_METADATA = ["_id", "_version", "_created_at", "_updated_at", "_deleted_at", "_owner", "_acl", "_tenant"]
_TIMES = {"_created_at", "_updated_at", "_deleted_at"}
_OWNERS = ["", "", "ann", "bob"]
_ACLS = ["", "", '["x"]', '["x","y"]', "[]"]
_LISTS = [
    '{"read":["x"],"write":[]}',
    '{"read":["x","y",7,"x"],"write":["y"]}',
    '{"read":["team:a","é\\"z"],"write":["x"]}',
    '{"read":"x","write":{"x":1}}',
    '{"write":[["x"],null]}',
    "[]",
    "",
]
_ENTRIES = ["x", "y", "team:a", 'é"z', "nobody", ""]
_INDEXES: list[Step] = [
    {"fields": ["n"], "type": "ascending"},
    {"fields": ["n"], "type": "descending"},
    {"fields": ["s"], "type": "ascending"},
    {"fields": ["o.k"], "type": "descending"},
    {"fields": ["n", {"s": "desc"}], "type": "compound"},
    {"fields": [{"o.k": "desc"}, "n", "s"], "type": "compound"},
    {"fields": ["s"], "type": "text"},
    {"fields": ["s", "x"], "type": "text"},
    {"fields": ["o.k"], "type": "unique"},
    {"fields": ["n", "s"], "type": "unique"},
    {"fields": ["u"], "type": "unique"},
    {"fields": ["a"], "type": "ascending"},
    {"fields": ["t"], "type": "ttl", "expireAfterSeconds": 30},
    {"fields": ["o.k"], "type": "ttl", "expireAfterSeconds": 0},
]


def program(seed: str, steps: int) -> list[Step]:
    """Return the steps of one program: a collection's whole life."""
    return _Author(Random(seed)).program(steps)


class _Author:
    """Writes one program. It remembers what it inserted, to insert it again and to ask for it."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._one_of = random.choice
        self._inserted: list[Step] = []
        self._tenants = TENANTS if random.random() < 0.4 else ("",)
        # Collections whose documents are asked for by their owners and lists, from the beginning or after a while.
        self._secured = random.random() < 0.4
        self._indexes = random.sample(_INDEXES, random.choice([0, 1, 1, 2, 3, 5]))
        self._ids = [f"{number:02}" for number in range(random.choice([12, 40, 70]))] + ["é'\"", "Z", "10"]

    def program(self, steps: int) -> list[Step]:
        late = self._random.random() < 0.3
        begin = [] if late else self._indexes
        result: list[Step] = [{"do": "ensure", "indexes": begin, **self._kept()}]
        for _ in range(self._random.randint(1, 3)):
            mutations = [self._insert() for _ in range(self._random.randint(3, 20))]
            result.append({"do": "write", "tenant": self._one_of(self._tenants), "mutations": mutations})
        while len(result) < steps:
            result.append(self._step())
        return [*result, *FINAL_STEPS]

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _step(self) -> Step:
        kind = self._random.random()
        if kind < 0.36:
            return self._write()
        if kind < 0.72:
            return self._find()
        if kind < 0.80:
            return {"do": "next", "cursor": self._random.randint(0, 3)}
        if kind < 0.94:
            return {"do": "count", **self._question()}
        if kind < 0.96:
            return {
                "do": "ensure",
                "indexes": self._random.sample(_INDEXES, self._random.randint(0, 2)),
                **self._kept(),
            }
        if kind < 0.98:
            return {"do": "tick", "us": self._random.choice([1, 1_000_000, 7_500_000, 60_000_000])}
        return {"do": self._one_of(["sweep", "inspect"])}

    # Questions

    def _kept(self) -> Step:
        return {"owners": self._chance(0.6), "acls": self._chance(0.6)} if self._secured else {}

    def _access(self, probability: float) -> Step:
        """Return whose documents a question or a change is about, beside its filter; nothing where it is about all."""
        if not self._secured or not self._chance(probability):
            return {}
        access: Step = {"list": self._one_of(["read", "read", "write"])}
        kind = self._random.random()
        if kind < 0.8:
            access["owner"] = self._one_of(["ann", "bob", "nobody"])
        if kind > 0.2:
            access["entries"] = self._random.sample(_ENTRIES, self._random.randint(0, 3))
        return {"access": access}

    def _question(self) -> Step:
        question: Step = {"tenant": self._tenant(), "filter": self._filter() if self._chance(0.9) else {}}
        if self._chance(0.4):
            question["deleted"] = self._one_of(["include", "only"])
        return {**question, **self._access(0.7)}

    def _find(self) -> Step:
        step: Step = {"do": "find", **self._question(), "sort": self._sort(), "cursor": self._random.randint(0, 3)}
        step["limit"] = self._one_of([1, 2, 3, 5, 10, 100])
        step["pages"] = self._one_of([1, 1, 2, 4, 100])
        if self._chance(0.25):
            paths = ["a", "n", "o.k", "o.x", "b", "é", "s", "_id", "_version", "q.r"]
            step["projection"] = self._random.sample(paths, self._random.randint(1, 4))
        if self._chance(0.15):
            step["skip"] = self._random.randint(1, 8)
        if self._chance(0.1):
            step["max_bytes"] = self._one_of([1, 100, 400])
        return step

    def _tenant(self) -> str | None:
        return None if self._chance(0.2) else self._one_of(self._tenants)

    def _sort(self) -> list[str]:
        paths = self._random.sample([*_TAME, *_TAME, *_WILD[:8], *_METADATA[:7], "u"], self._one_of([0, 1, 1, 2, 3, 4]))
        return ["-" * self._chance(0.4) + path for path in dict.fromkeys(paths)]

    def _filter(self, depth: int = 4) -> Step:
        kind = self._random.random()
        if depth == 1 or kind < 0.5:
            return self._leaf()
        if kind < 0.65:
            return {"$not": self._filter(depth - 1)}
        if kind < 0.72:
            return {**self._leaf(), **self._leaf()}
        operator = "$and" if kind < 0.86 else "$or"
        return {operator: [self._filter(depth - 1) for _ in range(self._random.randint(1, 3))]}

    def _leaf(self) -> Step:
        if self._chance(0.03):
            return {"$text": self._one_of(_WORDS)}
        path = self._one_of(self._one_of([_TAME, _TAME, _WILD, _METADATA]))
        kind = self._random.random()
        if kind < 0.2:
            return {path: self._operand(path)}
        if kind < 0.3:
            return {path: {self._one_of(["$eq", "$ne"]): self._operand(path)}}
        if kind < 0.42:
            values = [self._operand(path) for _ in range(self._random.randint(0, 4))]
            return {path: {self._one_of(["$in", "$nin"]): values}}
        if kind < 0.5:
            return {path: {"$exists": self._chance(0.5)}}
        if kind < 0.58 and path not in _TIMES:
            return {path: {"$contains": "x" if path == "_acl" else self._value(1)}}
        if kind < 0.66 and path not in _TIMES:
            return {path: self._regex()}
        return {path: self._range(path)}

    def _regex(self) -> Step:
        regex = {"$regex": self._one_of(_PATTERNS if self._chance(0.8) else _FULL_PATTERNS)}
        return {**regex, "$options": "i"} if self._chance(0.3) else regex

    def _range(self, path: str) -> Step:
        operators = self._random.sample(["$gt", "$gte", "$lt", "$lte"], self._one_of([1, 1, 2]))
        return {operator: self._comparable(path) for operator in operators}

    def _comparable(self, path: str) -> Any:
        operand = self._operand(path)
        if isinstance(operand, list | dict) or operand is None:
            return self._time(1) if path in _TIMES else self._one_of([*_INTEGERS, *_DOUBLES, *_STRINGS, True, False])
        return operand

    def _operand(self, path: str) -> Any:
        """Return something that may well stand at a path."""
        match path:
            case "_id":
                return self._id()
            case "_version":
                return self._random.randint(1, 4)
            case "_owner":
                return self._one_of(["ann", "bob", None, ""])
            case "_tenant":
                return self._one_of(["north", "south", None])
            case "_acl":
                return self._one_of([["x"], ["x", "y"], [], None, "x"])
            case "_created_at" | "_updated_at" | "_deleted_at":
                return self._one_of([None, self._time(1), from_us(START_US + self._random.randint(0, 150))])
            case "t" | "n" | "s" | "o.k":
                return self._tame(path)
            case _:
                return self._value(2)

    # Values

    def _time(self, span_s: int) -> str:
        return from_us(START_US + self._random.randint(-span_s, span_s) * 1_000_000)

    def _tame(self, path: str) -> Any:
        kind = self._random.random()
        if kind < 0.03:
            return self._value(2)
        if kind < 0.1:
            return self._scalar()
        if path == "t":
            return self._time(90) if kind < 0.85 else self._one_of(["2023-11-14", "2023-11-14T22:13:20Z", "0" * 27])
        if path == "n":
            return self._one_of(_INTEGERS) if kind < 0.6 else self._one_of(_DOUBLES)
        if path == "s":
            return self._one_of(_TEXTS) if kind < 0.5 else self._one_of(_STRINGS)
        return self._one_of([*_INTEGERS, *_STRINGS, self._time(90)])

    def _scalar(self) -> Any:
        kinds: list[list[Any]] = [[None, True, False], _INTEGERS, _DOUBLES, _STRINGS]
        return self._one_of(self._one_of(kinds))

    def _value(self, depth: int) -> Any:
        if depth == 0 or self._chance(0.6):
            return self._scalar()
        if self._chance(0.5):
            return [self._value(depth - 1) for _ in range(self._random.randint(0, 3))]
        return {self._one_of(["a", "b", "0", "é"]): self._value(depth - 1) for _ in range(self._random.randint(0, 3))}

    def _document(self) -> Step:
        document: Step = {}
        for path in ("n", "s", "t"):
            if self._chance(0.75 if path != "t" else 0.4):
                document[path] = self._tame(path)
        if self._chance(0.6):
            inner = {"k": self._tame("o.k")} if self._chance(0.9) else {"x": self._value(2)}
            document["o"] = inner if self._chance(0.96) else self._value(1)
        for key in ("a", "b", "é", "it's"):
            if self._chance(0.3):
                document[key] = self._value(3)
        if self._chance(0.9):
            document["u"] = self._random.randint(0, 10_000)
        return document

    # Changes

    def _id(self) -> str:
        return self._one_of(self._ids)

    def _write(self) -> Step:
        mutations = [self._mutation() for _ in range(self._one_of([1, 1, 1, 2, 3, 6]))]
        step: Step = {"do": "write", "tenant": self._one_of(self._tenants), "mutations": mutations}
        if self._chance(0.3):
            step["atomic"] = True
        if self._chance(0.1):
            step["tenant"] = None
        return step

    def _mutation(self) -> Step:
        kind = self._random.random()
        if kind < 0.45:
            return self._insert()
        if kind < 0.75:
            return self._guarded({"update": self._some(), **self._changes()})
        if kind < 0.81:
            return self._guarded({"delete": self._few()})
        if kind < 0.89:
            return self._guarded({"delete": self._few(), "soft": True})
        if kind < 0.96:
            return self._guarded({"restore": self._some()})
        return self._guarded({"purge": self._few()})

    def _changes(self) -> Step:
        """Return what an update changes: the document, whose it is, or both."""
        changes: Step = {"with": self._update()}
        if self._chance(0.5 if self._secured else 0.05):
            handed = {"owner": self._one_of(_OWNERS), "acl": self._one_of(_LISTS)}
            kept = self._random.sample(list(handed), self._random.randint(1, 2))
            changes = {**(changes if self._chance(0.5) else {}), **{name: handed[name] for name in kept}}
        return changes

    def _guarded(self, mutation: Step) -> Step:
        mutation |= self._access(0.4)
        if self._chance(0.15):
            mutation["max_affected"] = self._one_of([0, 1, 3, 10])
        if self._chance(0.15) and "restore" not in mutation:
            (kind, *_) = mutation
            mutation[kind] = {"_id": self._id()}
            mutation["if_version"] = self._random.randint(1, 3)
        return mutation

    def _some(self) -> Step:
        return self._few() if self._chance(0.6) else self._filter(2)

    def _few(self) -> Step:
        """Return a filter that leaves most documents alone."""
        kind = self._random.random()
        if kind < 0.5:
            return {"_id": self._id()}
        if kind < 0.8:
            return {"_id": {"$in": [self._id() for _ in range(self._random.randint(1, 4))]}}
        if kind < 0.97:
            return {"$and": [{"_id": {"$gte": self._id()}}, self._filter(2), {"_id": {"$lte": self._id()}}]}
        return {}

    def _insert(self) -> Step:
        if self._inserted and self._chance(0.1):
            return self._one_of(self._inserted)
        insert: Step = {"insert": self._id(), "document": self._document()}
        if self._chance(0.2):
            insert |= {"owner": self._one_of(_OWNERS), "acl": self._one_of(_ACLS)}
        if self._secured and self._chance(0.7):
            insert |= {"owner": self._one_of(_OWNERS), "acl": self._one_of(_LISTS)}
        self._inserted.append(insert)
        return insert

    def _update(self) -> Step:
        kind = self._random.random()
        if kind < 0.4:
            return self._settings()
        if kind < 0.55:
            return {"$unset": dict.fromkeys(self._apart([*_TAME, *_WILD, "u"], self._one_of([1, 1, 2])), True)}
        if kind < 0.75:
            amount = self._one_of([1, -1, 0.5, 2**53, 2**63 - 1, 1e308])
            return {"$inc": {self._one_of(["n", "n", "n", "o.k", "a", "c.d", "u", "b.0"]): amount}}
        if kind < 0.9:
            return {"$push": {self._one_of(["a", "b", "b", "b.0", "o.x", "é"]): self._value(1)}}
        return {"$set": self._settings(), "$inc": {"c.e": 1}, "$unset": {"it's": True}, "$push": {"d": self._scalar()}}

    def _settings(self) -> Step:
        """Return paths to set."""
        paths = self._apart([*_TAME, "a", "b.0", "é", "q.r.s", "b", "o.x.y", "u"], self._one_of([1, 1, 2, 3]))
        return {path: self._tame(path) if path in _TAME else self._value(2) for path in paths}

    def _apart(self, paths: list[str], most: int) -> list[str]:
        """Return some of these paths, none of which overlaps another."""
        apart: list[str] = []
        for path in self._random.sample(paths, most):
            if not any(f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}.") for other in apart):
                apart.append(path)
        return apart
