"""How the states of tasks look, in every form of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from perdure.render.picture import Node


class Look(NamedTuple):
    """Colours of a box, the sign for a terminal, the word for a legend."""

    fill: str
    stroke: str
    sign: str
    word: str


PLAIN: Final = Look("#ffffff", "#5f6b7a", "·", "")

LOOKS: Final = {
    TaskState.PENDING_EXECUTION: Look("#f3f4f6", "#9aa3af", "·", "waits"),
    TaskState.IN_PROCESS: Look("#dbeafe", "#2563eb", "▶", "runs"),
    TaskState.SUCCEED: Look("#dcfce7", "#16a34a", "✓", "succeeded"),
    TaskState.FAILED: Look("#fee2e2", "#dc2626", "✗", "failed"),
    TaskState.FATAL: Look("#fecaca", "#991b1b", "✗", "fatal"),
    TaskState.RETRY_ON_HOLD: Look("#fef3c7", "#d97706", "↻", "waits for its retry"),
    TaskState.SKIPPED: Look("#f9fafb", "#d1d5db", "○", "skipped"),
    TaskState.CANCELLED: Look("#e5e7eb", "#4b5563", "■", "cancelled"),
    TaskState.PENDING_ROLLBACK: Look("#f3e8ff", "#9333ea", "↩", "will be undone"),
    TaskState.ROLLBACK_IN_PROCESS: Look("#e9d5ff", "#7e22ce", "↩", "is being undone"),
    TaskState.ROLLEDBACK: Look("#faf5ff", "#a855f7", "↶", "undone"),
    TaskState.SUSPENDED: Look("#fef9c3", "#ca8a04", "‖", "suspended"),
}


def look_of(node: Node) -> Look:
    """Choose how a box looks."""
    return PLAIN if node.state is None else LOOKS[node.state]
