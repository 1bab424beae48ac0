"""What a parent in a request stands for: which executions, and whether there ever was such a parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.names import WILDCARD
from perdure.domain.errors import NotFound
from perdure.store.queries import Scope
from perdure.store.records import IntegrationKey

if TYPE_CHECKING:
    from perdure.codec.names import IntegrationName
    from perdure.store.interface import Store


def scope_of(parent: IntegrationName, *, with_sub_executions: bool = False) -> Scope:
    """Tell which executions an integration stands for: its own, or all of the project for the wildcard."""
    if parent.integration == WILDCARD:
        return Scope(parent.project)
    return Scope(parent.project, integration=parent.integration, with_sub_executions=with_sub_executions)


async def check_integration(scope: Scope, store: Store) -> None:
    """Tell an integration without executions from one that never was.

    Raises:
        NotFound: There never was the integration that the scope names; one that was deleted counts as known.
    """
    if scope.integration is None:
        return
    if await store.get_integration(IntegrationKey(scope.project, scope.integration)) is None:
        raise NotFound("integration", scope.integration, reason="INTEGRATION_NOT_FOUND")
