"""Single entities of a flow: which assets make them.

Belongs here: names that a person or a setting gives, and the assets they stand for.
"""

from collections.abc import Collection, Sequence

import dagster as dg

from connector_defs.domain.errors import Fatal
from connector_defs.flows.entities import ENTITIES, Entity
from connector_defs.orchestration.assets.published import published_key
from connector_defs.orchestration.assets.staged import group_name, staged_key


def entities_of(jobs: Collection[str]) -> list[Entity]:
    """The entities that these jobs publish, in Basware's order of dependency."""
    return [entity for entity in ENTITIES if group_name(entity.group) in jobs]


def entities_named(names: Sequence[str], jobs: Collection[str]) -> list[Entity]:
    """The entities that these names mean: endpoints of Basware, or staged tables that some are made from.

    Raises Fatal naming the choices.
    """
    possible = entities_of(jobs)
    tables = sorted({source for entity in possible for source in entity.sources})
    for name in names:
        if not any(name == entity.name or name in entity.sources for entity in possible):
            choices = ", ".join(entity.name for entity in possible)
            raise Fatal(
                f"{name!r} is no entity of this flow; choose from {choices}, or from the tables they are made of: "
                f"{', '.join(tables)}"
                if possible
                else f"{name!r} cannot be run alone: only master-data and purchase-orders consist of entities"
            )
    return [
        entity for entity in possible if any(name == entity.name or name in entity.sources for name in names)
    ]


def assets_of(entities: Collection[Entity]) -> list[dg.AssetKey]:
    """The staged tables that these entities are made from, and the entities."""
    sources = dict.fromkeys(source for entity in entities for source in entity.sources)
    return [
        *(staged_key(source) for source in sources),
        *(published_key(entity.name) for entity in entities),
    ]
