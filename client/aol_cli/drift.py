"""What does a difference look like to people and programs, and which manifest does its edit belong to?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aol_cli.grants import enum_word
from aol_cli.manifest_edits import Edit, edited

if TYPE_CHECKING:
    from aol.admin.v1 import drift_pb2
    from aol_cli.manifest_files import CheckedManifest

_TITLES = {
    "unused_grant": "granted and not used",
    "undeclared_use": "used and not asked for",
    "not_registered": "declared and not registered",
    "not_declared": "registered and not declared",
    "unread_collection": "not read",
    "unused_index": "index not used",
    "unserved_query": "no index serves it",
    "unseen_field": "hinted and not seen",
    "unhinted_field": "seen and not hinted",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `edit` belongs to the manifest of `edit_of`; `file` is that manifest, where it is known."""

    kind: str
    collection: str
    service: str
    subject: str
    detail: str
    command: str
    edit: Edit | None
    edit_of: str
    file: Path | None

    @property
    def title(self) -> str:
        """In what way declarations and reality differ, in a few words."""
        return _TITLES.get(self.kind, self.kind)

    @property
    def mends(self) -> Sequence[str]:
        """What mends it, a step each, in words."""
        steps = []
        if self.edit is not None:
            where = str(self.file) if self.file is not None else f"the manifest of {self.edit_of}"
            steps.append(f"in {where}: {_edit_words(self.edit)}")
        return [*steps, self.command] if self.command else steps

    def as_json(self) -> dict[str, Any]:
        """Return it as `--json` shows it."""
        edit = None
        if self.edit is not None:
            edit = {
                "service": self.edit_of,
                "file": str(self.file) if self.file is not None else None,
                "section": self.edit.section,
                "collection": self.edit.collection,
                "remove": self.edit.remove,
                "entry": self.edit.entry,
            }
        return {
            "kind": self.kind,
            "collection": self.collection,
            "service": self.service,
            "subject": self.subject,
            "detail": self.detail,
            "edit": edit,
            "command": self.command,
        }


def differences(answer: "drift_pb2.GetDriftResponse", manifests: Iterable["CheckedManifest"]) -> list[Difference]:
    """Return what a broker answered; `manifests` are the files that edits may belong to."""
    files = {item.manifest.service: item.path for item in manifests if item.manifest is not None}
    return [_difference(item, files) for item in answer.findings]


def counts_in_words(answer: "drift_pb2.GetDriftResponse") -> str:
    """Return how many differences of each kind there are, the most first."""
    from aol.admin.v1 import drift_pb2

    ordered = sorted(answer.counts, key=lambda count: -count.findings)
    return ", ".join(
        f"{count.findings:,} {_TITLES.get(word, word)}"
        for count in ordered
        for word in (enum_word(drift_pb2.DriftKind, count.kind, "DRIFT_KIND_"),)
    )


def edited_files(found: Iterable[Difference], manifests: Iterable["CheckedManifest"]) -> dict[Path, str]:
    """Return the new texts of the files that edits change.

    :raises Failure: a file cannot be edited; nothing is written by then.
    """
    edits: dict[Path, list[Edit]] = {}
    for item in found:
        if item.edit is not None and item.file is not None:
            edits.setdefault(item.file, []).append(item.edit)
    texts = {item.path: item.text for item in manifests}
    after = {path: edited(texts[path], wanted, str(path)) for path, wanted in edits.items()}
    return {path: text for path, text in after.items() if text != texts[path]}


def _difference(item: "drift_pb2.DriftFinding", files: dict[str, Path]) -> Difference:
    from aol.admin.v1 import drift_pb2

    has_edit = item.HasField("edit")
    return Difference(
        kind=enum_word(drift_pb2.DriftKind, item.kind, "DRIFT_KIND_"),
        collection=item.collection,
        service=item.service,
        subject=item.subject,
        detail=item.detail,
        command=item.command,
        edit=_edit(item.edit) if has_edit else None,
        edit_of=item.edit.service if has_edit else "",
        file=files.get(item.edit.service) if has_edit else None,
    )


def _edit(item: "drift_pb2.ManifestEdit") -> Edit:
    import orjson

    from aol.admin.v1 import drift_pb2

    word = enum_word(drift_pb2.ManifestSection, item.section, "MANIFEST_SECTION_")
    section = {"access_requests": "accessRequests", "schema_hint": "schemaHint"}.get(word, word)
    return Edit(section, orjson.loads(item.entry), item.collection, item.remove)


def _edit_words(edit: Edit) -> str:
    from aol_cli.manifest_text import written

    verb, preposition = ("take", "out of") if edit.remove else ("put", "into")
    where = f"{edit.section} of '{edit.collection}'" if edit.collection else edit.section
    return f"{verb} {written(dict(edit.entry))} {preposition} {where}"
