"""How is a query answered? What `explain` returns."""

from dataclasses import dataclass

from aol.data.v1 import data_broker_pb2 as pb


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How the database answers a query, and the index that would serve it better.

    `filter_pushed_down` says whether the database evaluates all of the filter itself, `sort_pushed_down` whether it
    reads documents in order instead of sorting what it found. `index` is the name of the index that serves the query,
    for example `ascending(stars)`, `key` for the documents' ids, `access` for what is kept of their owners and access
    lists, and "" where all documents are looked at.
    `estimated_documents` is how many the collection holds, as far as the database knows; `examined_documents` is how
    many documents or index entries were looked at; `returned_documents` is how many the query returns.
    `proposed_index` is the line that adds a missing index under `indexes:` in the manifest; "" where none is missing.
    """

    filter_pushed_down: bool
    sort_pushed_down: bool
    index: str
    estimated_documents: int
    examined_documents: int
    returned_documents: int
    proposed_index: str


def query_plan(response: pb.ExplainQueryResponse) -> QueryPlan:
    """Return the plan that the broker answered."""
    return QueryPlan(
        filter_pushed_down=response.filter_pushed_down,
        sort_pushed_down=response.sort_pushed_down,
        index=response.index,
        estimated_documents=response.estimated_documents,
        examined_documents=response.examined_documents,
        returned_documents=response.returned_documents,
        proposed_index=response.proposed_line,
    )
