"""What a watch is about, and all that the recorded histories say it has to tell."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from perdure.store.filter.parse import parse_filter
from perdure.store.queries import Scope
from perdure.testing.checks.changes import fold_all, key_of
from perdure.v1.execution_service_pb2 import WatchExecutionRequest, WatchExecutionsRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perdure.testing.checks.changes import Change
    from perdure.testing.checks.evidence import Placed
    from perdure.v1.event_pb2 import ExecutionEvent

Request: TypeAlias = WatchExecutionRequest | WatchExecutionsRequest

_EXECUTIONS: Final = "/executions/"
_WILDCARD: Final = "-"


class Selection(NamedTuple):
    """Which executions a watch is about: a scope, and the text of a filter in it."""

    scope: Scope
    filter: str


class Told(NamedTuple):
    """One event of a watch.

    Attributes:
        left: Whether it tells that the execution does not match any more.
    """

    revision: int
    execution: str
    sequence: int
    left: bool


def told_by(event: ExecutionEvent) -> Told:
    """Tell which event of a watch this is."""
    return Told(event.store_revision, event.execution, event.sequence, event.HasField("left_filter"))


def selection_of(request: Request) -> Selection:
    """Read what a request asks to watch."""
    if isinstance(request, WatchExecutionRequest):
        project, execution = key_of(request.name)
        if request.include_sub_executions:
            return Selection(Scope(project, tree=execution), "")
        return Selection(Scope(project, execution=execution), "")
    if _EXECUTIONS in request.parent:
        project, execution = key_of(request.parent)
        return Selection(Scope(project, tree=execution), request.filter)
    project, integration = key_of(request.parent)
    if integration == _WILDCARD:
        return Selection(Scope(project), request.filter)
    scope = Scope(project, integration=integration, with_sub_executions=request.include_sub_executions)
    return Selection(scope, request.filter)


class Telling:
    """All that a watch of a selection has to tell, from the first commit to the last.

    Args:
        selection: What is watched.
        changes: Those of the scope, by store revision.

    Attributes:
        told: Every event, by store revision.
        all: The same as a set.
        changes: What happened in the scope, whether it is told or not.
    """

    def __init__(self, selection: Selection, changes: Sequence[Change]) -> None:
        chosen = parse_filter(selection.filter)
        self.changes = changes
        self.told: list[Told] = []
        self._matching: dict[tuple[str, int], bool] = {}
        for change in changes:
            matches = chosen is None or chosen.matches(change.created, change.facts)
            self._matching[change.execution, change.revision] = matches
            if matches:
                self.told.extend(told_by(event) for event in change.events)
            elif change.before is not None and chosen is not None and chosen.matches(change.created, change.before):
                last = change.events[-1]
                self.told.append(Told(change.revision, change.execution, last.sequence, left=True))
        self.all = frozenset(self.told)

    def matches(self, execution: str, revision: int) -> bool | None:
        """Whether an execution matches as of one of its commits; None if that is no commit of it in the scope."""
        return self._matching.get((execution, revision))

    def between(self, after: int, through: int) -> Sequence[Told]:
        """List what is told of the commits behind one store revision, up to another."""
        first = bisect_right(self.told, after, key=lambda told: told.revision)
        return self.told[first : bisect_right(self.told, through, key=lambda told: told.revision)]

    def matching_at(self, revision: int) -> dict[str, int]:
        """Name the executions that match as of a store revision, with the revision of the last commit of each."""
        last: dict[str, int] = {}
        for change in self.changes:
            if change.revision > revision:
                break
            last[change.execution] = change.revision
        return {name: at for name, at in last.items() if self._matching[name, at]}


class Chronicle:
    """The recorded histories as one log of commits, and what watches have to tell of it.

    Args:
        histories: By the name of the execution.
    """

    def __init__(self, histories: Mapping[str, Sequence[Placed]]) -> None:
        self._changes = fold_all(histories)
        self._of_one: dict[tuple[str, str], list[Change]] = defaultdict(list)
        self._at: dict[tuple[str, int], Change] = {}
        for change in self._changes:
            self._of_one[change.created.key].append(change)
            self._at[change.execution, change.revision] = change
        self._tellings: dict[Selection, Telling] = {}

    def change(self, execution: str, revision: int) -> Change | None:
        """Find what a commit changed in an execution; None if it changed nothing."""
        return self._at.get((execution, revision))

    def telling(self, selection: Selection) -> Telling:
        """Find all that a watch has to tell."""
        if selection not in self._tellings:
            scope = selection.scope
            near = self._changes
            if scope.execution is not None:
                near = self._of_one[scope.project, scope.execution]
            changes = [change for change in near if scope.holds(change.created)]
            self._tellings[selection] = Telling(selection, changes)
        return self._tellings[selection]
