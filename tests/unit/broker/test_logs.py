"""The broker's log: on stderr, and without what users stored, whoever writes it."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio, gc, logging
from aol_broker.logs import configure

configure("info", "json")
logging.getLogger("some.library").warning("lost %s", "canary-1")
logging.getLogger("some.library").error("broken", exc_info=ValueError("canary-2"))

async def fail():
    raise ValueError("canary-3")

async def main():
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()

asyncio.run(main())
"""


def test_records_of_libraries_show_where_and_not_what() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert "canary" not in ran.stderr
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["logger"] for line in lines] == ["some.library", "some.library", "asyncio"]
    assert lines[1]["fault"] == lines[2]["fault"].partition(" ")[0] == "ValueError"
