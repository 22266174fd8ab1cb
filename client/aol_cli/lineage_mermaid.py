"""How does lineage look as a Mermaid flowchart?"""

import re

from aol_cli.lineage import Edge, Lineage, flows, services_of

_SPECIAL = re.compile(r"[^A-Za-z0-9_.,/ ()-]")


def mermaid(lineage: Lineage) -> str:
    """Return a flowchart in which data flows along the arrows: thick ones were seen, dotted ones are declared only."""
    services = {name: f"s{number}" for number, name in enumerate(services_of(lineage.edges))}
    collections = {
        name: f"c{number}" for number, name in enumerate(sorted({edge.collection for edge in lineage.edges}))
    }
    lines = ["flowchart LR", *((f"  %% {lineage.window}",) if lineage.left_out else ())]
    lines += [f'  {node}(["{_text(name)}"])' for name, node in services.items()]
    lines += [f'  {node}[("{_text(name)}")]' for name, node in collections.items()]
    for edge in lineage.edges:
        lines += _arrows(edge, lineage, services[edge.service], collections[edge.collection])
    return "\n".join(lines)


def _arrows(edge: Edge, lineage: Lineage, service: str, collection: str) -> list[str]:
    arrows = [f"  {service} --- |owns| {collection}"] if edge.owner else []
    undeclared = "" if edge.owner or edge.requested else ", not declared"
    if read := flows(edge, lineage, reads=True):
        arrows.append(f'  {collection} ==> |"reads {_text(read + undeclared)}"| {service}')
    if written := flows(edge, lineage, reads=False):
        arrows.append(f'  {service} ==> |"writes {_text(written + undeclared)}"| {collection}')
    if not edge.uses and not edge.owner:
        arrows.append(f'  {collection} -.-> |"{_text(edge.declared)}"| {service}')
    return arrows


def _text(text: str) -> str:
    """Return text for between quotes; Mermaid writes characters as `#` and their number."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)
