"""Other clients: whoever speaks gRPC can store and query, from the proto files or by reflection."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from running_brokers import RunningBroker

ROOT = Path(__file__).resolve().parents[2]
NODE_CLIENT = ROOT / "examples" / "node-client"


def buf_curl(broker: RunningBroker, method: str, request: Mapping[str, object]) -> "subprocess.CompletedProcess[str]":
    buf = shutil.which("buf") or shutil.which("buf", path=str(Path(sys.executable).parent))
    if buf is None:
        pytest.skip("buf is not installed (it comes with the development extra)")
    command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-H", "aol-service: curl-service"]
    command += ["-d", json.dumps(request), f"http://{broker.endpoint}/aol.data.v1.DataBroker/{method}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_buf_curl_stores_and_queries_by_reflection(broker: RunningBroker) -> None:
    made = buf_curl(broker, "RequestCollection", {"name": "things"})
    assert made.returncode == 0, made.stderr
    document = {"collection": "things", "document": '{"_id": "one", "colour": "red"}'}
    stored = buf_curl(broker, "StoreData", document)
    assert json.loads(stored.stdout)["documentId"] == "one", stored.stderr
    found = buf_curl(broker, "QueryData", {"collection": "things", "filter": '{"colour": "red"}'})
    assert json.loads(found.stdout)["page"]["json"] == ['{"colour":"red"}'], found.stderr


def test_buf_curl_is_told_why_it_was_refused(broker: RunningBroker) -> None:
    refused = buf_curl(broker, "QueryData", {"collection": "absent"})
    assert refused.returncode != 0
    assert "Collection 'absent' not found" in refused.stderr


@pytest.fixture(scope="module")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its packages, or a skip that says what is missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(NODE_CLIENT, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    if installed.returncode != 0:
        pytest.skip("npm could not install @grpc/grpc-js (no network?)")
    return folder


def test_a_node_client_stores_and_queries_from_the_proto_files(broker: RunningBroker, node_client: Path) -> None:
    environment = {**os.environ, "AOL_PROTOS": str(ROOT / "protos")}
    ran = subprocess.run(
        ["node", "client.mjs", broker.endpoint, "node-example"],
        cwd=node_client,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["found"] == [{"_id": answer["stored"], "text": "hello from node", "stars": 5}]
