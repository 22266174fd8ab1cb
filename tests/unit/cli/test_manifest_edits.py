"""Does an edit change a manifest where it should, and nowhere else?"""

import difflib
import random
import re
from collections import Counter

import pytest

from aol_broker.manifest import parse_manifest
from aol_cli.exits import Failure
from aol_cli.manifest_edits import Edit, edited

MANIFEST = """\
# The shop's own manifest
apiVersion: "v1"          # quoted
metadata: {name: shop,   version: '1'}
spec:
  replicas: 2   # another tool's

  dataRequirements:
    enabled: true
    collections:
      # What was ordered
      - name: orders
        description: "Orders, old and new"
        schemaHint:
          status: string   # open, paid
          # In cents
          total: number
          address:
            city: string
            zip: string
        indexes:
          # For the list of open ones
          - {fields: [status], type: ascending}   # hot
          # For reports
          - fields: [total, {at: desc}]
            type: compound
          # For nobody
          - {fields: [never], type: descending}

        # Who reads it
        sharing: [{service: bank, permission: read}, {service: web, permission: read}]
      - name: carts
        indexes: [{fields: [a], type: ascending}, {fields: [b], type: ascending}]

    # What we need
    accessRequests:
    - collection: bank.accounts
      permission: read
      reason: |
        To bill
        # not a comment
    - {collection: bank.rates, permission: read}
"""


def change(*edits: Edit, text: str = MANIFEST) -> list[str]:
    """The lines taken out and put in."""
    after = edited(text, edits, "m.yaml")
    found = difflib.ndiff(text.splitlines(), after.splitlines())
    return [line for line in found if line[0] in "-+"]


def index(*fields: object, type: str = "ascending", collection: str = "orders", remove: bool = False) -> Edit:
    return Edit("indexes", {"fields": list(fields), "type": type}, collection, remove)


def hint(path: str, kind: str, *, remove: bool = False) -> Edit:
    return Edit("schemaHint", {path: kind}, "orders", remove)


def request(collection: str, *, remove: bool = False, **more: str) -> Edit:
    return Edit("accessRequests", {"collection": collection, "permission": "read", **more}, remove=remove)


CASES = {
    "an index is put in after the last one": (
        index("status", {"at": "desc"}, type="compound"),
        ["+           - {fields: [status, {at: desc}], type: compound}"],
    ),
    "an index is taken out, and the comment of the next one stays": (
        index("status", remove=True),
        ["-           - {fields: [status], type: ascending}   # hot"],
    ),
    "an index of several lines is taken out, however it is written": (
        index("total", {"at": "descending"}, type="compound", remove=True),
        ["-           - fields: [total, {at: desc}]", "-             type: compound"],
    ),
    "the last index is taken out": (
        index("never", type="descending", remove=True),
        ["-           - {fields: [never], type: descending}"],
    ),
    "a hint is put in": (hint("colour", "string"), ["+           colour: string"]),
    "a nested hint is put in beside its own": (hint("address.street", "string"), ["+             street: string"]),
    "a hint that needs quotes gets them": (hint("on: off", "string"), ["+           'on: off': string"]),
    "a hint is taken out": (hint("status", "string", remove=True), ["-           status: string   # open, paid"]),
    "a nested hint is taken out": (hint("address.zip", "string", remove=True), ["-             zip: string"]),
    "a request is put in": (
        request("bank.loans", reason="To see: them"),
        ["+     - {collection: bank.loans, permission: read, reason: 'To see: them'}"],
    ),
    "a request of several lines is taken out": (
        request("bank.accounts", remove=True),
        [
            "-     - collection: bank.accounts",
            "-       permission: read",
            "-       reason: |",
            "-         To bill",
            "-         # not a comment",
        ],
    ),
    "a collection is put in": (
        Edit("collections", {"name": "new", "schemaHint": {"n": "number"}}),
        ["+       - name: new", "+         schemaHint:", "+           n: number"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_edit_changes_its_lines_and_no_other(name: str) -> None:
    edit, lines = CASES[name]
    assert change(edit) == lines


CARTS = "        indexes: [{fields: [a], type: ascending}, {fields: [b], type: ascending}]"


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (index("a", collection="carts", remove=True), "        indexes: [{fields: [b], type: ascending}]"),
        (index("b", collection="carts", remove=True), "        indexes: [{fields: [a], type: ascending}]"),
        (index("c", collection="carts"), f"{CARTS[:-1]}, {{fields: [c], type: ascending}}]"),
    ],
)
def test_an_element_between_brackets_is_taken_out_and_put_in(edit: Edit, line: str) -> None:
    assert change(edit) == [f"- {CARTS}", f"+ {line}"]


@pytest.mark.parametrize("remove", [False, True])
def test_a_hint_between_brackets_is_edited(remove: bool) -> None:
    text = MANIFEST.replace(
        "      - name: carts\n", "      - name: carts\n        schemaHint: {a: string,  b: number}  # short\n"
    )
    edit = Edit("schemaHint", {"a" if remove else "c.d": "string"}, "carts", remove)
    after = "{b: number}" if remove else "{a: string,  b: number, c.d: string}"
    assert change(edit, text=text) == [
        "-         schemaHint: {a: string,  b: number}  # short",
        f"+         schemaHint: {after}  # short",
    ]


def test_the_last_entry_of_a_section_takes_the_section_with_it() -> None:
    edits = [request("bank.accounts", remove=True), request("bank.rates", remove=True)]
    after = edited(MANIFEST, edits, "m.yaml")
    assert "accessRequests" not in after
    assert after.endswith("    # What we need\n")
    edits = [index(name, collection="carts", remove=True) for name in "ab"]
    assert edited(MANIFEST, edits, "m.yaml") == MANIFEST.replace(CARTS + "\n", "")


def test_what_is_there_already_and_what_is_gone_already_change_nothing() -> None:
    edits = [
        index("status"),
        index("total", {"at": "desc"}, type="compound"),
        index("gone", remove=True),
        hint("address.city", "number"),
        hint("gone", "string", remove=True),
        request("bank.rates", reason="other"),
        request("bank.gone", remove=True),
        Edit("collections", {"name": "orders"}),
    ]
    assert edited(MANIFEST, edits, "m.yaml") == MANIFEST


def test_edits_follow_one_another() -> None:
    edits = [index("status", remove=True), index("never", type="descending", remove=True)]
    edits += [index("total", {"at": "desc"}, type="compound", remove=True), index("x")]
    after = edited(MANIFEST, edits, "m.yaml")
    assert after.count("{fields: [x], type: ascending}") == 1
    assert "# Who reads it" in after
    assert edited(after, [index("x", remove=True)], "m.yaml").count("fields: [") == 2


@pytest.mark.parametrize(
    "text",
    [
        "metadata: {name: shop}\n",
        "metadata: {name: shop}\nspec:\n",
        "metadata: {name: shop}\nspec:\n  dataRequirements:\n    accessRequests:\n",
        "metadata: {name: shop}\nspec: {dataRequirements: {accessRequests: []}}",
    ],
)
def test_a_section_that_is_not_there_is_made(text: str) -> None:
    after = edited(text, [request("bank.loans")], "m.yaml")
    assert after.startswith("metadata: {name: shop}\n")
    assert "bank.loans" in after
    assert edited(after, [request("bank.loans")], "m.yaml") == after


def test_a_collection_that_is_not_declared_cannot_be_edited() -> None:
    with pytest.raises(Failure) as refused:
        edited(MANIFEST, [index("a", collection="nothing")], "shop/manifest.yaml")
    assert "shop/manifest.yaml cannot be edited: it declares no collection 'nothing'" in refused.value.message


FIELDS = ["a", "b", "c", "d.e", "d.f"]


def random_manifest(random_: random.Random) -> str:
    """A manifest with comments and blank lines, each list between brackets or on lines of its own."""
    indexes = [f"{{fields: [{field}], type: ascending}}" for field in random_.sample(FIELDS, random_.randint(0, 4))]
    hints = [f"{field}: string" for field in random_.sample(FIELDS, random_.randint(0, 4))]
    noise = random_.choice(["", "          # a comment", "\n", "        # another: one"])

    def listed(key: str, items: list[str], dash: str, brackets: str) -> list[str]:
        if not items or random_.random() < 0.4:
            return [f"        {key}: {brackets[0]}{', '.join(items)}{brackets[1]}  # short"] if items else []
        indent = random_.choice([8, 10, 12]) if dash else 10
        lines = [f"        {key}:"]
        for item in items:
            lines += [noise] * random_.randint(0, 1) + [f"{' ' * indent}{dash}{item}{random_.choice(['', '   # why'])}"]
        return lines

    parts = [listed("indexes", indexes, "- ", "[]"), listed("schemaHint", hints, "", "{}")]
    random_.shuffle(parts)
    body = [line for part in parts for line in [*part, *random_.choice([[], [""], ["        # what follows"]])]]
    return "\n".join(["metadata: {name: shop}", "spec:", "  dataRequirements:", "    collections:"]) + (
        "\n      - name: orders\n" + "\n".join(body) + "\n      - name: carts   # the other\n"
    )


def said(text: str) -> tuple[set[str], set[str]]:
    """What a manifest says, as the broker reads it: the fields that are indexed, and those that are hinted."""
    orders, carts = parse_manifest(text, "m.yaml").collections
    assert carts.name == "carts"
    return {".".join(index.fields[0].path) for index in orders.indexes}, set(orders.schema_hint)


@pytest.mark.parametrize("seed", range(60))
def test_after_any_edits_of_any_layout_a_manifest_says_what_a_plain_model_says(seed: int) -> None:
    random_ = random.Random(seed)
    text = random_manifest(random_)
    model = said(text)
    for _ in range(12):
        field, number, remove = random_.choice(FIELDS), random_.randrange(2), random_.random() < 0.5
        edit = hint(field, "string", remove=remove) if number else index(field, remove=remove)
        comments = Counter(re.findall(r"#.*", text))
        text = edited(text, [edit], "m.yaml")
        (model[number].discard if remove else model[number].add)(field)
        assert said(text) == model
        # The comment on the line of what is taken out goes with it; with the last of a list, all that are in the list.
        lost = sum((comments - Counter(re.findall(r"#.*", text))).values())
        assert lost <= int(remove) or not model[number]
        assert text.endswith("      - name: carts   # the other\n")
