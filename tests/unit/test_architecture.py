"""Does the code keep the layout of the design: who may import whom, where, and what a module looks like?"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "aol": "protos/aol",
    "aol_wire": "protos/aol_wire",
    "aol_broker": "broker/aol_broker",
    "aol_client": "client/aol_client",
    "aol_cli": "client/aol_cli",
    "aol_adapters": "adapters/aol_adapters",
}

MAY_IMPORT = {
    "aol": set[str](),
    "aol_wire": {"aol"},
    "aol_broker": {"aol", "aol_wire"},
    "aol_client": {"aol", "aol_wire"},
    "aol_adapters": {"aol", "aol_wire"},
    "aol_cli": {"aol", "aol_wire", "aol_broker", "aol_client", "aol_adapters"},
}

# The command line starts fast: what a command needs is imported when it runs.
ONLY_LAZILY = {"aol_cli": {"aol_broker", "aol_client", "aol_adapters", "grpc", "pydantic", "sqlalchemy"}}

GRPC = {"grpc", "grpc_health", "grpc_reflection", "grpc_status"}
GRPC_EDGES = (
    "protos/aol/**/*_pb2_grpc.py",
    "protos/aol_wire/frames/channel.py",
    "protos/aol_wire/frames/client_stream.py",
    "protos/aol_wire/frames/server.py",
    "protos/aol_wire/tls_credentials.py",
    "client/aol_client/*.py",
    "client/aol_cli/*.py",
    "broker/aol_broker/transport.py",
    "broker/aol_broker/server.py",
    "broker/aol_broker/health.py",
    "broker/aol_broker/adapters/proxy.py",
    "broker/aol_broker/adapters/host.py",
    "broker/aol_broker/audit/sinks/otlp.py",
    "adapters/aol_adapters/kit/*.py",
)

# A driver is imported where its database is spoken to, and nowhere else.
DRIVERS: dict[str, str | tuple[str, ...]] = {
    "apsw": "adapters/aol_adapters/sqlite/",
    "asyncpg": ("adapters/aol_adapters/postgres/", "broker/aol_broker/audit/sinks/postgres"),
    "pymongo": "adapters/aol_adapters/mongodb/",
    "bson": "adapters/aol_adapters/mongodb/",
    "sqlalchemy": "broker/aol_broker/registry/",
    "alembic": "broker/aol_broker/registry/",
    "aiosqlite": "broker/aol_broker/registry/",
    "opentelemetry": "broker/aol_broker/audit/sinks/otlp",
}

# What `pip install aol-data-broker` brings, by the names it is imported under.
BASE_INSTALL = {"grpc", "grpc_status", "google", "orjson", "stamina", "yaml"}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LINES_MAX = 400

# Written so that this file does not name what it forbids.
REGISTRY_HOST = re.compile(r"\b(?:pypi|pythonhosted|npmjs|crates|maven|rubygems|golang|debian)\.(?:org|com|io)\b")
FORBIDDEN_TEXT = {
    "the host of a package registry": REGISTRY_HOST,
    "the number of an issue": re.compile(r"\bissues?\s+#?\d|\(#\d+\)", re.IGNORECASE),
    "a path of somebody's machine": re.compile(r"(?<![\w./-])/(?:root|work)/|(?<![\w./-])/home/\w"),
}
TEXT_NOT_OURS = {"LICENSE"}


@dataclass(frozen=True)
class Import:
    """One import statement's module, and whether it runs when the importing module is loaded."""

    file: str
    line: int
    module: str
    on_load: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@cache
def files() -> tuple[str, ...]:
    """The files of the project: what git tracks, and what is new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(sorted(name for name in names if name and (ROOT / name).is_file()))


def modules() -> list[str]:
    """The Python files that people write."""
    return [name for name in files() if name.endswith(".py") and not name.endswith(("_pb2.py", "_pb2_grpc.py"))]


def package_of(file: str) -> str | None:
    return next((name for name, folder in PACKAGES.items() if file.startswith(f"{folder}/")), None)


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


@cache
def imports() -> tuple[Import, ...]:
    """All imports of the six packages, generated code included."""
    in_packages = [name for name in files() if name.endswith(".py") and package_of(name)]
    return tuple(chain.from_iterable(_imports_below(parsed(name), name, True) for name in in_packages))


def _imports_below(node: ast.AST, file: str, on_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(file, child.lineno, alias.name, on_load) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{file}:{child.lineno}: relative imports hide which package is meant"
            yield Import(file, child.lineno, child.module or "", on_load)
        else:
            loads = not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports_below(child, file, on_load and loads and not _is_type_checking(child))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def test_the_packages_of_the_source_roots_are_the_six_of_the_design() -> None:
    folders = {"/".join(PurePosixPath(name).parts[:2]) for name in modules()}
    roots = ("protos/", "broker/", "client/", "adapters/")
    assert {it for it in folders if it.startswith(roots) and not it.endswith(".py")} | {"protos/aol"} == set(
        PACKAGES.values()
    )


def test_packages_import_only_those_below_them() -> None:
    wrong = [
        str(it)
        for it in imports()
        if it.top in PACKAGES and it.top not in MAY_IMPORT[package_of(it.file) or ""] | {package_of(it.file)}
    ]
    assert wrong == []


def test_the_command_line_loads_servers_and_clients_only_when_a_command_needs_them() -> None:
    wrong = [str(it) for it in imports() if it.on_load and it.top in ONLY_LAZILY.get(package_of(it.file) or "", set())]
    assert wrong == []


def test_grpc_is_imported_only_at_the_edges() -> None:
    edges = set(chain.from_iterable(ROOT.glob(pattern) for pattern in GRPC_EDGES))
    assert [str(it) for it in imports() if it.top in GRPC and ROOT / it.file not in edges] == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_is_imported_only_where_its_database_is_spoken_to(driver: str) -> None:
    assert [str(it) for it in imports() if it.top == driver and not it.file.startswith(DRIVERS[driver])] == []


@pytest.mark.parametrize("package", ["aol", "aol_wire", "aol_client"])
def test_the_sdk_loads_nothing_that_the_base_install_lacks(package: str) -> None:
    allowed = BASE_INSTALL | set(PACKAGES) | set(sys.stdlib_module_names)
    mine = [it for it in imports() if package_of(it.file) == package and it.on_load]
    assert [str(it) for it in mine if it.top not in allowed] == []


def test_source_roots_and_the_shared_namespace_are_not_packages() -> None:
    roots = ("broker", "client", "adapters", "protos", "protos/aol")
    assert [root for root in roots if (ROOT / root / "__init__.py").exists()] == []


def test_every_package_says_that_it_is_typed() -> None:
    tops = [folder for name, folder in PACKAGES.items() if name != "aol"]
    protos = (PurePosixPath(name) for name in files() if name.endswith(".proto") and name.startswith("protos/"))
    tops += sorted({"/".join(path.parts[:3]) for path in protos})
    assert [top for top in tops if not (ROOT / top / "py.typed").is_file()] == []


def test_test_folders_are_not_packages() -> None:
    assert [name for name in modules() if name.startswith("tests/") and name.endswith("__init__.py")] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {name: set(PurePosixPath(name).with_suffix("").parts) for name in modules()}
    assert [name for name, parts in names.items() if parts & VAGUE_NAMES] == []


def test_every_module_opens_with_a_sentence_that_says_what_it_answers() -> None:
    def opening(name: str) -> str:
        return (ast.get_docstring(parsed(name)) or "").partition("\n")[0]

    ours = [name for name in modules() if not name.startswith("tests/") and (ROOT / name).read_text().strip()]
    assert [name for name in ours if not opening(name).endswith((".", "?"))] == []


def test_no_file_is_too_long_to_read() -> None:
    written = modules() + [name for name in files() if name.endswith(".proto")]
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in written}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_nothing_that_is_shipped_speaks_of_where_it_was_made(what: str) -> None:
    found = []
    for name in files():
        data = (ROOT / name).read_bytes()
        if name in TEXT_NOT_OURS or b"\0" in data:
            continue
        lines = data.decode("utf-8").splitlines()
        found += [f"{name}:{number}" for number, line in enumerate(lines, 1) if FORBIDDEN_TEXT[what].search(line)]
    assert found == []


def test_the_search_for_forbidden_text_finds_it() -> None:
    samples = {
        "the host of a package registry": "https://" + "py" + "pi.org/simple",
        "the number of an issue": "as in issue" + " #7",
        "a path of somebody's machine": "see /ro" + "ot/notes.txt",
    }
    assert {what for what, text in samples.items() if FORBIDDEN_TEXT[what].search(text)} == set(FORBIDDEN_TEXT)
