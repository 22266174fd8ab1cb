"""How is the generated code made? Run `python protos/generate.py` after a change of a .proto file.

The generator is the pinned grpcio-tools of the development extra: the code it emits runs on protobuf 6.31 to 7.x.
A test regenerates into an empty folder and compares bytes.
"""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent


def generate(output: Path) -> list[Path]:
    """Write the generated modules for every .proto under `protos/aol` below `output`; return what was written.

    :raises RuntimeError: protoc refused the files; it has said why on stderr.
    """
    sources = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "aol").rglob("*.proto"))
    arguments = ["protoc", f"-I{ROOT}", f"--python_out={output}", f"--pyi_out={output}", f"--grpc_python_out={output}"]
    if protoc.main([*arguments, *sources]) != 0:
        raise RuntimeError("protoc refused the .proto files")
    return sorted((output / "aol").rglob("*_pb2*"))


if __name__ == "__main__":
    generate(ROOT)
    sys.exit(0)
