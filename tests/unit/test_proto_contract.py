"""Is the contract what the design says: its calls, its reasons, and the status that each reason travels with?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.rpc import code_pb2

from aol.adapter.v1 import adapter_pb2, filter_pb2
from aol.admin.v1 import access_pb2, admin_pb2, audit_pb2, drift_pb2, plan_pb2, seed_pb2, token_pb2, usage_pb2
from aol.data.v1 import access_request_pb2, collection_pb2, context_pb2, data_broker_pb2, document_pb2, error_pb2
from aol.frames.v1 import frames_pb2
from aol_wire.errors import CODE_OF_REASON, Reason

ROOT = Path(__file__).resolve().parents[2]
BUF = Path(sys.executable).with_name("buf")

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        adapter_pb2,
        filter_pb2,
        access_pb2,
        admin_pb2,
        audit_pb2,
        token_pb2,
        drift_pb2,
        usage_pb2,
        plan_pb2,
        seed_pb2,
        access_request_pb2,
        collection_pb2,
        context_pb2,
        data_broker_pb2,
        document_pb2,
        error_pb2,
        frames_pb2,
    )
)

CALLS = {
    "aol.data.v1.DataBroker": {
        "RequestCollection",
        "StoreData",
        "StoreBatch",
        "QueryData",
        "CountData",
        "UpdateData",
        "DeleteData",
        "RestoreData",
        "PurgeData",
        "ExplainQuery",
        "GrantAccess",
        "RevokeAccess",
        "ListAccessRequests",
        "ApproveAccess",
        "RefuseAccess",
        "ListCollections",
        "DescribeCollection",
    },
    "aol.adapter.v1.Adapter": {
        "Describe",
        "EnsureCollection",
        "InspectCollection",
        "DropCollection",
        "Write",
        "Find",
        "Count",
        "Explain",
    },
    "aol.admin.v1.Admin": {
        "ApplyManifest",
        "ApplyPlan",
        "PlanManifests",
        "SeedCollection",
        "ListManifestVersions",
        "RetireManifestVersion",
        "ListIndexes",
        "ListServices",
        "ListCollections",
        "DropCollection",
        "ListGrants",
        "ListAccess",
        "ExplainAccess",
        "SearchAudit",
        "SummarizeAudit",
        "AuditStatus",
        "CopyCollection",
        "AbortCopy",
        "HashAuditValue",
        "CreateToken",
        "ListTokens",
        "RevokeToken",
        "GetLineage",
        "GetDrift",
    },
}

# Calls whose messages are not of their own names.
STREAMS = {"aol.frames.v1.Frames": {"Exchange"}}

STATUS_OF_REASONS = {
    "INVALID_ARGUMENT": {
        "BAD_DOCUMENT",
        "BAD_FILTER",
        "BAD_PATH",
        "BAD_PAGE_TOKEN",
        "FILTER_REQUIRED",
        "TOO_LARGE",
        "BAD_REQUEST",
        "BAD_MANIFEST",
    },
    "UNAUTHENTICATED": {"NO_CREDENTIALS", "BAD_CREDENTIALS"},
    "PERMISSION_DENIED": {"GRANT_MISSING", "GRANT_PENDING", "FIELD_DENIED", "CONTEXT_REQUIRED"},
    "NOT_FOUND": {"COLLECTION_NOT_FOUND"},
    "ALREADY_EXISTS": {"DUPLICATE_ID", "UNIQUE_VIOLATION"},
    "ABORTED": {"VERSION_MISMATCH"},
    "FAILED_PRECONDITION": {"MAX_AFFECTED_EXCEEDED", "VALIDATION_FAILED"},
    "UNIMPLEMENTED": {"CAPABILITY_UNSUPPORTED"},
    "RESOURCE_EXHAUSTED": {"OVERLOADED", "QUOTA"},
    "UNAVAILABLE": {"ADAPTER_DOWN", "AUDIT_UNAVAILABLE", "REGISTRY_UNAVAILABLE", "IDENTITY_UNAVAILABLE"},
    "DEADLINE_EXCEEDED": {"DEADLINE"},
    "INTERNAL": {"INTERNAL_BUG"},
}


def services() -> dict[str, ServiceDescriptor]:
    return {service.full_name: service for file in FILES for service in file.services_by_name.values()}


def test_every_proto_file_is_looked_at_here() -> None:
    on_disk = {path.relative_to(ROOT / "protos").as_posix() for path in (ROOT / "protos" / "aol").rglob("*.proto")}
    assert {file.name for file in FILES} == on_disk


def test_the_services_have_the_calls_of_the_design_and_no_others() -> None:
    assert {name: {method.name for method in service.methods} for name, service in services().items()} == {
        **CALLS,
        **STREAMS,
    }


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_unary_with_a_request_and_a_response_of_its_own_name(name: str) -> None:
    for method in services()[name].methods:
        assert not method.client_streaming
        assert not method.server_streaming
        assert (method.input_type.name, method.output_type.name) == (f"{method.name}Request", f"{method.name}Response")


def test_frames_go_both_ways_in_a_stream() -> None:
    exchange = frames_pb2.DESCRIPTOR.services_by_name["Frames"].methods_by_name["Exchange"]
    assert exchange.client_streaming
    assert exchange.server_streaming
    assert exchange.input_type is exchange.output_type is frames_pb2.Frame.DESCRIPTOR


@pytest.mark.parametrize("name", ["aol.data.v1.DataBroker", "aol.admin.v1.Admin"])
def test_every_call_of_a_service_or_an_operator_can_carry_a_request_id(name: str) -> None:
    for method in services()[name].methods:
        assert method.input_type.fields_by_name["request_id"].number == 15


def test_every_data_call_can_carry_a_security_context() -> None:
    for method in services()["aol.data.v1.DataBroker"].methods:
        field = method.input_type.fields_by_name["context"]
        assert field.number == 14
        assert field.message_type is context_pb2.SecurityContext.DESCRIPTOR


def test_every_adapter_request_but_describe_names_a_target() -> None:
    for method in services()["aol.adapter.v1.Adapter"].methods:
        # A request about another request names that one's target.
        holders = {"target", "find"}.intersection(method.input_type.fields_by_name)
        assert holders or method.name == "Describe"


def test_documents_travel_as_text_and_never_as_protobuf_structures() -> None:
    assert not [file.name for file in FILES if "google/protobuf/struct.proto" in {it.name for it in file.dependencies}]


def test_the_columns_of_a_page_all_repeat() -> None:
    assert {field.name for field in document_pb2.Page.DESCRIPTOR.fields if not field.is_repeated} == set()


def test_the_reasons_are_those_of_the_proto_file() -> None:
    in_proto = set(error_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert {reason.name for reason in Reason} == {reason.value for reason in Reason} == in_proto


def test_every_reason_travels_with_the_status_of_the_design() -> None:
    expected = {reason: status for status, reasons in STATUS_OF_REASONS.items() for reason in reasons}
    assert {reason.value: code_pb2.Code.Name(code) for reason, code in CODE_OF_REASON.items()} == expected


def test_the_comment_of_every_reason_opens_with_its_status() -> None:
    text = (ROOT / "protos/aol/data/v1/error.proto").read_text()
    commented = re.findall(r"// ([A-Z_]+): .*\n(?: *//.*\n)* *([A-Z_]+) = \d+;", text)
    said = {name: status for status, name in commented}
    assert said == {reason: status for status, reasons in STATUS_OF_REASONS.items() for reason in reasons}


def test_the_proto_files_keep_the_lint_rules() -> None:
    result = subprocess.run([BUF, "lint", "protos"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


def test_the_lint_rules_refuse_a_field_that_nobody_explains(tmp_path: Path) -> None:
    folder = tmp_path / "aol" / "data" / "v1"
    folder.mkdir(parents=True)
    (tmp_path / "buf.yaml").write_text((ROOT / "protos/buf.yaml").read_text())
    (folder / "bare.proto").write_text(
        'syntax = "proto3";\npackage aol.data.v1;\nmessage Bare {\n  string id = 1;\n}\n'
    )
    result = subprocess.run([BUF, "lint"], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode != 0
    assert 'Field "id" should have a non-empty comment' in result.stdout
