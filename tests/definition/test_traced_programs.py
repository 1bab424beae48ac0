"""Any program of calls and blocks runs as its text says: the same tasks, in an order that it allows."""

from dataclasses import dataclass
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure import App, catching, first_match, on_failure, otherwise, parallel, when
from tests.definition.performing import Performance


@dataclass(frozen=True)
class Call:
    """Calls the task."""


@dataclass(frozen=True)
class When:
    """A block under the truth of one input."""

    flag: int
    body: tuple[object, ...]


@dataclass(frozen=True)
class Parallel:
    """A block of statements side by side."""

    body: tuple[object, ...]


@dataclass(frozen=True)
class FirstMatch:
    """Blocks under the truth of one input each, and one for when none is true."""

    arms: tuple[tuple[int, tuple[object, ...]], ...]
    rest: tuple[object, ...]


@dataclass(frozen=True)
class Catching:
    """A block whose failures are handled."""

    body: tuple[object, ...]


FLAGS = ("a", "b")

statements = st.recursive(
    st.just(Call()),
    lambda inner: st.one_of(
        st.builds(When, st.sampled_from(range(len(FLAGS))), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Parallel, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Catching, st.lists(inner, max_size=2).map(tuple)),
        st.builds(
            FirstMatch,
            st.lists(
                st.tuples(st.sampled_from(range(len(FLAGS))), st.lists(inner, max_size=2).map(tuple)), max_size=2
            ).map(tuple),
            st.lists(inner, max_size=2).map(tuple),
        ),
    ),
    max_leaves=8,
)
programs = st.lists(statements, min_size=1, max_size=4).map(tuple)

app = App("programs")


@app.task()
def step(name: str) -> str:
    return name


def record(body, flags, path=""):
    """Call the task for every `Call`, under an id that tells its place."""
    for position, statement in enumerate(body):
        here = f"{path}_{position}"
        match statement:
            case Call():
                step.with_id(here)(here)
            case When(flag, inner):
                with when(flags[flag]):
                    record(inner, flags, here)
            case Parallel(inner):
                with parallel():
                    record(inner, flags, here)
            case Catching(inner):
                with catching() as caught:
                    step.with_id(f"{here}_c")(here)
                    record(inner, flags, here)
                with on_failure(caught):
                    step("sorry")
            case FirstMatch(arms, rest):
                with first_match():
                    for place, (flag, inner) in enumerate(arms):
                        with when(flags[flag]):
                            record(inner, flags, f"{here}_{place}")
                    if rest:
                        with otherwise():
                            record(rest, flags, f"{here}_rest")


def expect(body, flags, path=""):
    """Say which tasks of a sequence run, and which pairs of them run in that order."""
    ran: list[str] = []
    pairs: list[tuple[str, str]] = []
    for position, statement in enumerate(body):
        inner, inside = expect_one(statement, flags, f"{path}_{position}")
        pairs += [*inside, *product(ran, inner)]
        ran += inner
    return ran, pairs


def expect_one(statement, flags, path):
    match statement:
        case Call():
            return [path], []
        case When(flag, body):
            return expect(body, flags, path) if flags[flag] else ([], [])
        case Catching(body):
            inner, pairs = expect(body, flags, path)
            return [f"{path}_c", *inner], [*pairs, *product([f"{path}_c"], inner)]
        case FirstMatch(arms, rest):
            taken = [place for place, (flag, _) in enumerate(arms) if flags[flag]]
            return (
                expect(arms[taken[0]][1], flags, f"{path}_{taken[0]}") if taken else expect(rest, flags, f"{path}_rest")
            )
        case Parallel(body):
            # Each statement by itself: nothing orders it against the others.
            found = [expect_one(one, flags, f"{path}_{place}") for place, one in enumerate(body)]
            return [name for names, _ in found for name in names], [pair for _, pairs in found for pair in pairs]


@settings(max_examples=150)
@given(programs, st.booleans(), st.booleans())
def test_a_program_runs_as_it_is_written(program, a, b):
    @App("one").integration()
    def traced(a: bool, b: bool) -> None:
        step.with_id("begin")("begin")
        record(program, (a, b))
        step.with_id("end")("end")

    done = Performance(app, traced, a=a, b=b)
    ran, pairs = expect(program, (a, b))
    assert done.succeeded
    assert sorted(done.order) == sorted(["begin", *ran, "end"])
    assert (done.order[0], done.order[-1]) == ("begin", "end")
    assert all(done.order.index(first) < done.order.index(second) for first, second in pairs)
    assert parallelism_is_real(traced.definition, program)


@settings(max_examples=100)
@given(programs, st.booleans(), st.booleans())
def test_a_program_may_begin_and_end_with_any_block(program, a, b):
    @App("one").integration()
    def traced(a: bool, b: bool) -> None:
        record(program, (a, b))
        step.with_id("end")("end")

    done = Performance(app, traced, a=a, b=b)
    ran, _ = expect(program, (a, b))
    assert done.succeeded
    assert sorted(done.order) == sorted([*ran, "end"])


def parallelism_is_real(definition, program):
    """Whether no edge joins two calls that stand directly in one parallel block."""
    edges = {(task.task_id, edge.task_id) for task in definition.tasks for edge in task.next_tasks}
    for position, statement in enumerate(program):
        if isinstance(statement, Parallel):
            beside = [f"_{position}_{place}" for place, one in enumerate(statement.body) if isinstance(one, Call)]
            if any(pair in edges for pair in product(beside, beside)):
                return False
    return True
