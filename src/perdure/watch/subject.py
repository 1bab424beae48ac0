"""What a watch is about: which executions, as of which commits, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from perdure.domain.states import TERMINAL_EXECUTION_STATES
from perdure.store.filter.canonical import canonical
from perdure.store.records import ExecutionKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.store.filter.filter import Filter
    from perdure.store.queries import Scope
    from perdure.store.records import Facts, NewExecution

DIGEST_BYTES: Final = 16


class Kind(Enum):
    """What a commit means to a watch."""

    MATCHES = auto()
    """The execution matches as of the commit."""
    LEFT = auto()
    """The execution matched until the commit and does not any more."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A scope and a filter, and whether states are told or events.

    Attributes:
        chosen: Which executions of the scope; None for all.
        latest: Whether the latest states are told, else every event.
        digest: Equal for subjects with equal scope and filter. It binds cursors, so it must not change from one
            version to the next.
    """

    scope: Scope
    chosen: Filter | None
    latest: bool
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Compute the digest."""
        scope = self.scope
        parts = (
            scope.project,
            scope.integration or "",
            "with sub-executions" if scope.with_sub_executions else "",
            scope.execution or "",
            scope.tree or "",
            "" if self.chosen is None else canonical(self.chosen.condition),
        )
        text = "\0".join(parts).encode()
        object.__setattr__(self, "digest", blake2b(text, digest_size=DIGEST_BYTES).digest())

    @property
    def named(self) -> str | None:
        """Id of the one execution that the scope names, alone or with those below it."""
        return self.scope.execution or self.scope.tree

    @property
    def named_key(self) -> ExecutionKey | None:
        """Key of the one execution that the scope names."""
        return None if self.named is None else ExecutionKey(self.scope.project, self.named)

    def kind(self, created: NewExecution, before: Facts | None, facts: Facts) -> Kind | None:
        """Tell what a commit that changed an execution of the scope means; None for nothing.

        Args:
            created: What never changes of the execution.
            before: Facts as of the commit before it; None if it created the execution.
            facts: Facts as of the commit.
        """
        if self.chosen is None or self.chosen.matches(created, facts):
            return Kind.MATCHES
        return Kind.LEFT if self.matched(created, before) else None

    def matched(self, created: NewExecution, before: Facts | None) -> bool:
        """Whether an execution of the scope matched before a commit."""
        return before is not None and (self.chosen is None or self.chosen.matches(created, before))

    def ends_named(self, created: NewExecution, facts: Facts) -> bool:
        """Whether a commit is the end of the execution that the scope names."""
        return facts.state in TERMINAL_EXECUTION_STATES and created.key.execution == self.named

    def places(self) -> Iterator[tuple[str, ...]]:
        """Name the places where the hub finds it, as `places_of` names them for executions."""
        scope = self.scope
        if scope.execution is not None:
            yield ("execution", scope.project, scope.execution)
        elif scope.tree is not None:
            yield ("tree", scope.project, scope.tree)
        elif scope.integration is not None:
            yield ("integration", scope.project, scope.integration)
            if scope.with_sub_executions:
                yield ("root", scope.project, scope.integration)
        else:
            yield ("project", scope.project)


def places_of(created: NewExecution) -> Iterator[tuple[str, ...]]:
    """Name the places where those subjects are found that have an execution in their scope."""
    project, execution = created.key
    yield ("project", project)
    yield ("integration", project, created.integration)
    if created.root_integration != created.integration:
        yield ("root", project, created.root_integration)
    yield ("execution", project, execution)
    yield ("tree", project, execution)
    for ancestor in created.ancestors:
        yield ("tree", project, ancestor)
