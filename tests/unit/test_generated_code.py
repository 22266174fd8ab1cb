"""Is the generated code that is committed what the pinned generator makes of the .proto files?"""

from pathlib import Path

from generate import ROOT, generate


def test_the_generated_code_is_what_the_generator_makes(tmp_path: Path) -> None:
    made = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in generate(tmp_path)}
    committed = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in (ROOT / "aol").rglob("*_pb2*.py*")}
    committed = {name: data for name, data in committed.items() if "__pycache__" not in name}
    stale = sorted(name for name, data in committed.items() if made.get(name) != data)

    assert sorted(made) == sorted(committed), (
        "run `make generate`; a generated file is missing or has no .proto any more"
    )
    assert stale == [], "run `make generate`"


def test_every_proto_file_has_its_three_generated_files() -> None:
    protos = {path.with_suffix("").as_posix() for path in (ROOT / "aol").rglob("*.proto")}
    for suffix in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py"):
        generated = {path.as_posix().removesuffix(suffix) for path in (ROOT / "aol").rglob(f"*{suffix}")}
        assert generated == protos
