"""What does `aol copy` tell people and programs of a copy, and how does it end?"""

import json
from pathlib import Path

import pytest

from aol.admin.v1 import admin_pb2 as pb
from aol_cli.commands.copy import _report, _Telling
from aol_cli.exits import ExitCode, Failure

DOCUMENTATION = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
COLLECTION = "my-service.events"


def answer(phase: str, *, copied: int = 0, compared: int = 0, total: int = 2500) -> pb.CopyCollectionResponse:
    return pb.CopyCollectionResponse(
        phase=f"COPY_PHASE_{phase}",
        from_adapter="sqlite",
        to_adapter="second",
        total=total,
        copied=copied,
        compared=compared,
    )


def test_a_copy_is_told_as_the_documentation_shows(capsys: pytest.CaptureFixture[str]) -> None:
    telling = _Telling(COLLECTION)
    for step in (
        answer("MARKED"),
        answer("MARKED"),
        answer("COPYING"),
        answer("INDEXING", copied=2500),
        answer("SETTLING", copied=2500),
        answer("SETTLING", copied=2500),
        answer("VERIFYING", copied=2500),
    ):
        telling.tell(step)
    done = answer("DONE", copied=2500, compared=2500)
    done.checksum = "1f0c…"
    _report(done, COLLECTION, as_json=False)
    told = capsys.readouterr().out
    assert "".join(f"    {line}\n" for line in told.splitlines()) in DOCUMENTATION


def test_a_long_copy_is_told_every_tenth_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    telling = _Telling(COLLECTION)
    for phase, counted in (("COPYING", "copied"), ("VERIFYING", "compared")):
        for done in range(0, 10_000_001, 10_000):
            telling.tell(answer(phase, **{counted: done}, total=10_000_000))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * 11
    assert lines[2] == "  copied 1,000,000 of 10,000,000"


def test_what_is_not_equal_is_told_and_fails_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    failed = answer("DIFFERENT", copied=2500, compared=2500)
    failed.differences.missing, failed.differences.different = 1, 2000
    failed.differences.failed_indexes.append("unique(n)")
    with pytest.raises(Failure) as caught:
        _report(failed, COLLECTION, as_json=True)
    assert caught.value.code is ExitCode.FAILED
    assert (
        "1 document missing there; 2,000 documents not the same; the index unique(n) cannot be built there"
        in caught.value.message
    )
    assert f"aol copy {COLLECTION} --abort" in caught.value.message
    told = json.loads(capsys.readouterr().out)
    assert (told["phase"], told["missing"], told["unexpected"], told["different"]) == ("different", 1, 0, 2000)
    section = DOCUMENTATION.split("### `aol copy`")[1].split("\n### ")[0]
    assert [key for key in told if f"`{key}`" not in section] == []
