"""Is importing the SDK light? Compared by what it loads, not by time."""

import subprocess
import sys

# What the base install has, and the standard library.
ALLOWED = {"aol", "aol_client", "aol_wire", "google", "grpc", "orjson", "typing_extensions"}


def loaded_by(statement: str) -> set[str]:
    program = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_the_sdk_loads_little_beyond_grpc() -> None:
    added = loaded_by("import aol_client") - loaded_by("import grpc.aio") - set(sys.stdlib_module_names)
    assert {name for name in added if not name.startswith("_")} <= ALLOWED


def test_importing_the_sdk_does_not_load_what_only_some_calls_need() -> None:
    assert not loaded_by("import aol_client") & {
        "yaml",
        "stamina",
        "tenacity",
        "structlog",
        "pydantic",
        "sqlalchemy",
        "uvloop",
        "re2",
        "aol_broker",
        "aol_adapters",
        "aol_cli",
    }


def test_the_public_names_are_few_and_all_there() -> None:
    import aol_client

    others = [name for name in aol_client.__all__ if not name.endswith("Error")]
    assert len(others) <= 12
    assert all(hasattr(aol_client, name) for name in aol_client.__all__)
