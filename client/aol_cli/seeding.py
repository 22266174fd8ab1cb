"""With what variables are the seeds of manifests stored, once these are applied?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aol_cli.applying import Applied
from aol_cli.exits import Failure
from aol_cli.operator_calls import OperatorCalls


@dataclass(frozen=True, slots=True)
class SeedingToDo:
    """A collection that has seeds, and the values of their variables, which are shown nowhere."""

    source: str
    collection: str
    variables: Mapping[str, str]

    def __repr__(self) -> str:
        return f"SeedingToDo({self.source!r}, {self.collection!r})"


def seedings(manifests: Iterable[tuple[str, str]], environment: Mapping[str, str]) -> list[SeedingToDo]:
    """Return the collections that manifests, given by source and text, seed.

    A text that is no manifest has none: whoever applies it says what is wrong.

    :raises Failure: FAILED; a variable is not in the environment, or has no value that can be stored.
    """
    from aol_broker.seed_variables import seeded_collections
    from aol_broker.yaml_text import YamlError, read_yaml

    found: list[SeedingToDo] = []
    problems: list[str] = []
    for source, text in manifests:
        if "seeds" not in text:
            continue
        try:
            document = read_yaml(text)
        except YamlError:
            continue
        for collection, lines in seeded_collections(document):
            for name, line in lines.items():
                if (problem := _problem(environment.get(name))) is not None:
                    problems.append(f"{source}:{line}: {name} {problem}")
            variables = {name: environment[name] for name in lines if name in environment}
            found.append(SeedingToDo(source, collection, variables))
    if problems:
        raise Failure("\n  ".join(["nothing was applied: seeds name variables of the environment:", *problems]))
    return found


def _problem(value: str | None) -> str | None:
    if value is None:
        return "is not set"
    # What was no UTF-8 in the environment is in it as halves of surrogate pairs.
    return "is not UTF-8 text" if any("\ud800" <= character <= "\udfff" for character in value) else None


async def seed(calls: OperatorCalls, wanted: Sequence[SeedingToDo], applied: Sequence[Applied]) -> list[str]:
    """Store the seeds of manifests that are applied, and add what became of them; return what went wrong, in words.

    What goes wrong with one collection does not keep the others from being seeded.
    """
    from aol.admin.v1 import seed_pb2 as pb
    from aol_client import DataClientError

    of_service = {item.service: item for item in applied}
    problems: list[str] = []
    for item in wanted:
        request = pb.SeedCollectionRequest(collection=item.collection, variables=item.variables)
        try:
            answer = await calls.admin("SeedCollection", request, pb.SeedCollectionResponse)
        except DataClientError as error:
            problems.append(f"{item.collection}: {error}")
            continue
        counts = {field.name: getattr(answer, field.name) for field in pb.SeedCollectionResponse.DESCRIPTOR.fields}
        if (one := of_service.get(item.collection.partition(".")[0])) is not None:
            one.seeded.append({"collection": item.collection, **counts})
    return problems
