"""Does a manifest say what a collection is seeded with, and is what it says wrong told with its line and place?"""

import pytest

from aol_broker.manifest import parse_manifest
from aol_broker.manifest.declaration import Seed, SeedCondition
from aol_broker.seed_variables import MissingVariableError, interpolated, seeded_collections
from aol_broker.yaml_text import read_yaml
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json

MANIFEST = """\
metadata: {name: my-service}
spec:
  dataRequirements:
    collections:
      - name: items
        %s
        seeds:
          - %s
"""


def declared(seed: str, said: str = "description: x") -> tuple[Seed, ...]:
    return parse_manifest(MANIFEST % (said, seed), "manifest.yaml").collections[0].seeds


def test_it_says_which_documents_when_and_by_what_they_are_found() -> None:
    seed = "{condition: always, key: [mail, place.city], data: {mail: '${MAIL}', place: {city: Bonn}}}"
    assert declared(seed) == (
        Seed(SeedCondition.ALWAYS, ('{"mail":"${MAIL}","place":{"city":"Bonn"}}',), (("mail",), ("place", "city"))),
    )
    assert declared("{condition: if_empty, data: [{n: 1}, {n: 1}]}") == (
        Seed(SeedCondition.IF_EMPTY, ('{"n":1}', '{"n":1}')),
    )


@pytest.mark.parametrize(
    ("seed", "place", "word"),
    [
        ("{condition: allways, data: {_id: a}}", ".condition", "did you mean 'always'?"),
        ("{condition: always}", ".data", "required"),
        ("{data: {_id: a}}", ".condition", "required"),
        ("{condition: always, data: {n: 1}}", ".data", "needs an _id, or the seed a key"),
        ("{condition: if_missing, data: [{_id: a}, {n: 1}]}", ".data[1]", "needs an _id, or the seed a key"),
        ("{condition: if_empty, data: [{_id: a}, {_id: a}]}", ".data[1]", "the same _id"),
        ("{condition: always, key: n, data: [{n: 1}, {n: 1, x: 2}]}", ".data[1]", "the same key"),
        ("{condition: always, key: n, data: {m: 1}}", ".data", "at 'n', which is in the key"),
        ("{condition: always, key: n, data: {n: [1]}}", ".data", "at 'n', which is in the key"),
        ("{condition: always, key: n, data: {_id: a, n: 1}}", ".data._id", "leave that out, or the key"),
        ("{condition: always, key: _owner, data: {n: 1}}", ".key", "not of metadata"),
        ("{condition: always, data: {_id: 7}}", ".data._id", "put in quotes"),
        ("{condition: always, data: {_id: ''}}", ".data._id", "1 to 256 bytes"),
        ("{condition: always, data: {_id: '${X}'}}", ".data._id", "shown in audit records"),
        ("{condition: always, data: {_id: a, _owner: x}}", ".data._owner", "metadata"),
        ("{condition: always, data: {_id: a, b: {$c: 1}}}", ".data.b.$c", "'$'"),
        ("{condition: always, data: {_id: a, b: [.nan]}}", ".data.b[0]", "finite"),
        ("{condition: always, data: {_id: a, b: 99999999999999999999}}", ".data.b", "64"),
        ("{condition: always, data: {_id: a, b: ['${1}']}}", ".data.b[0]", "${NAME}"),
        ("{condition: always, data: {_id: a, password: hunter2}}", ".data.password", "credential"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(seed: str, place: str, word: str) -> None:
    with pytest.raises(DataError) as caught:
        declared(seed)
    [violation] = caught.value.violations
    assert caught.value.reason is Reason.BAD_MANIFEST
    assert violation.path.startswith("manifest.yaml:8 spec.dataRequirements.collections[0].seeds[0]")
    assert violation.path.endswith(f"seeds[0]{place}")
    assert word in violation.description


def test_documents_fit_the_hint_as_far_as_that_is_known_without_values() -> None:
    said = "validation: strict\n        schemaHint: {n: number, mail: {type: string, required: true, maxLength: 3}}"
    assert declared("{condition: always, data: {_id: a, mail: '${MAIL}'}}", said)
    with pytest.raises(DataError) as caught:
        declared("{condition: always, data: [{_id: a, mail: long}, {_id: b, n: x}]}", said)
    assert [item.path.partition("seeds[0]")[2] for item in caught.value.violations] == [
        ".data[0].mail",
        ".data[1].n",
        ".data[1]",
    ]
    assert declared("{condition: always, data: {_id: a, n: x}}", said.replace("strict", "warn"))


@pytest.mark.parametrize("security", ["{tenant: optional}", "{owner: true}"])
def test_documents_that_are_somebodys_are_not_seeded(security: str) -> None:
    with pytest.raises(DataError, match="on nobody's behalf"):
        declared("{condition: always, data: {_id: a}}", f"security: {security}")


def test_there_are_bounds() -> None:
    many = ", ".join(f"{{_id: a{number}}}" for number in range(1001))
    with pytest.raises(DataError, match="at most 1,000 documents in the seeds of a collection, not 1,001"):
        declared(f"{{condition: if_missing, data: [{many}]}}")
    large = ", ".join(f"&l {{n: {'x' * 1000}}}" if not number else "*l" for number in range(1000))
    assert declared(f"{{condition: if_empty, data: [{large}]}}")
    with pytest.raises(DataError, match="at most 1,048,576 bytes"):
        declared(f"{{condition: if_empty, data: [{large.replace('x' * 1000, 'x' * 1100)}]}}")


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("${A}", "1"),
        ("x${A}${B}", "x1${A}"),
        ("$${A} costs $1, $$", "${A} costs $1, $$"),
        ({"${A}": ["${A}", 1, None]}, {"${A}": ["1", 1, None]}),
    ],
)
def test_variables_stand_in_texts_and_what_is_put_in_is_not_looked_at_again(value: Json, becomes: Json) -> None:
    assert interpolated(value, {"A": "1", "B": "${A}"}) == becomes


def test_a_variable_without_value_is_an_error_that_names_it() -> None:
    with pytest.raises(MissingVariableError, match=r"\AC\Z"):
        interpolated(["${C}"], {})


def test_variables_are_found_with_their_lines() -> None:
    manifest = MANIFEST % ("description: '${NOT_HERE}'", "condition: always\n            data: {_id: a, x: '${A}${B}'}")
    assert list(seeded_collections(read_yaml(manifest))) == [("my-service.items", {"A": 9, "B": 9})]
    disabled = manifest.replace("collections:", "enabled: false\n    collections:")
    assert list(seeded_collections(read_yaml(disabled))) == []
