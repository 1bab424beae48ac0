"""Checks recorded logs of a run, faults included, against what Perdure promises.

Only what a caller can see is used: calls with their outcomes, watches, runs of handlers, and a last look at
everything. A call of unknown outcome may have happened or not; either is accepted.

The invariants keep the numbers of reliability.md 2.3, and P20 that of its promise:

- I1 An execution whose acceptance was told is found from then on, with the inputs that were sent.
- I2 A call that was definitely refused has created no execution.
- I3 A request id stands for the same executions in every answer, and for no others.
- I4 The last list holds all that was acknowledged, some of unknown outcome, their children, and no more.
- I5 The executions of different requests have different names.
- I6 A call that begins after another has ended does not show an older state of the execution.
- I8 Every change of state is in the state tables, and one terminal event ends the history.
- I9 Once an execution was seen in a terminal state, its state, error, outputs and end never change.
- I10 What Get shows at the end is what the history adds up to.
- I11 The sequences in a history and in a stream of one execution have no gap and no repetition.
- I12 Any two streams and the history have the same bytes at the same sequence of an execution.
- I13 The streams of one execution of one watcher, one after the other, hold every event exactly once.
- I14 A stream that ended OK contained the terminal event or a farewell; any other names a known reason.
- I16 An event that a stream has shown is in the history for good, and every later read includes it.
- I17 The store revision of a stream never falls, and nothing up to a progress mark arrives after it.
- I18 Within an execution event times never decrease, and nothing ends before it starts.
- I19 The attempts of a task, to undo it too, are 1, 2, 3 …, and a handler performs only those that have begun.
- I21 Every recorded result comes from a run that ended so, and an attempt has at most one result.
- I23 A key means one task of one execution for ever, and an attempt runs again only because of a fault.
- I27 No attempt of a task starts after the event that asks to cancel the execution, the teardown aside.
- I29 A rollback undoes once what had succeeded, dependents first, and lists all that it has not undone.
- I30 A signal that was acknowledged has come, once for its id, and is taken once if a task waits for it.
- I33 No call is answered INTERNAL by the server.
- P20 When faults have stopped and all has settled, every execution is in a terminal state.
- torn_down What has started ends after all of its teardown, whose tasks run one after another.

What watches promise, of one execution or of many, has names. What a watch had to tell is derived from the histories
of the last look, so nothing may be deleted during the run:

- ordered Over the streams of a watcher no sequence of an execution falls, and no store revision does.
- unique Over the streams of a watcher no event comes twice.
- reliable No event is missing between where a watcher began and what it saw last.
- atomic The events of one commit come one right after the other and all of them, up to a clean end too.
- resumable The streams of a watcher, laid end to end at their cursors, are what one stream would have been.
- bookmarkable What a message says it is complete up to has come by then, and nothing of it comes later.
- filterable A filter selects just the commits after which it holds, and marks the one that ends a match.
- latest A watch of states shows none older than one before, and by each mark none older than the mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.testing.checks import acceptance, attempts, deliveries, rollbacks, signals, states, states_shown, streams
from perdure.testing.checks.evidence import gather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from perdure.testing.checks.evidence import Evidence
    from perdure.testing.logs import Logs


class Violation(NamedTuple):
    """One place where the logs contradict an invariant."""

    invariant: str
    detail: str


INVARIANTS: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    "I1": acceptance.acknowledged_are_found,
    "I2": acceptance.refusals_create_nothing,
    "I3": acceptance.one_execution_per_request,
    "I4": acceptance.the_list_is_complete,
    "I5": acceptance.names_are_not_reused,
    "I6": states.reads_never_go_back,
    "I8": states.steps_are_legal,
    "I9": states.ends_are_final,
    "I10": states.reads_are_folds,
    "I11": streams.sequences_are_dense,
    "I12": streams.streams_agree,
    "I13": streams.resuming_is_exact,
    "I14": streams.streams_end_as_documented,
    "I16": streams.nothing_shows_before_it_is_durable,
    "I17": streams.marks_are_kept,
    "I18": states.times_never_fall,
    "I19": attempts.attempts_are_counted,
    "I21": attempts.results_were_reported,
    "I23": attempts.keys_bound_effects,
    "I27": states.nothing_starts_after_a_cancel,
    "I29": rollbacks.what_was_done_is_undone,
    "I30": signals.signals_are_taken_once,
    "I33": acceptance.no_call_meets_a_fault,
    "P20": states.everything_ends,
    "torn_down": rollbacks.all_are_torn_down,
    "ordered": deliveries.are_ordered,
    "unique": deliveries.are_unique,
    "reliable": deliveries.are_reliable,
    "atomic": deliveries.are_atomic,
    "resumable": deliveries.are_resumable,
    "bookmarkable": deliveries.are_bookmarkable,
    "filterable": deliveries.are_filterable,
    "latest": states_shown.are_latest,
}
"""Each invariant with the check that looks for its violations."""


def check(logs: Logs) -> list[Violation]:
    """Hold logs against every invariant; the list is empty when all hold."""
    evidence = gather(logs)
    return [Violation(name, detail) for name, look in INVARIANTS.items() for detail in look(evidence)]
