"""Executions found by the columns of the store, shown as far as an answer wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.domain.errors import NotFound

if TYPE_CHECKING:
    from perdure.service.contents import Contents
    from perdure.service.views import Views
    from perdure.store.records import ExecutionRow
    from perdure.v1.execution_pb2 import Execution


class ReadState(NamedTuple):
    """An execution as it was read, and the sequence of the last event that it shows."""

    message: Execution
    sequence: int


class Projection:
    """Shows rows, with the contents that were asked for.

    Attributes:
        rows_suffice: Whether `show_row` shows all of the contents.
        key: Equal for projections that show the same.
    """

    def __init__(self, views: Views, contents: Contents) -> None:
        self.rows_suffice = contents.row_suffices
        self.key = contents.key
        self._views = views
        self._contents = contents

    def show_row(self, row: ExecutionRow) -> Execution:
        """Show an execution as far as its columns tell."""
        shown = self._views.show_row(row)
        self._contents.cut(shown)
        return shown

    async def read(self, row: ExecutionRow) -> ReadState | None:
        """Show an execution with all of the contents, as it is now, which may be later than the row.

        Returns:
            None if it has been deleted since the row was read, also if there is another one of its id.
        """
        try:
            shown = await self._views.read(row.created.key, self._contents)
        except NotFound:
            return None
        if shown.extent.create_time != row.created.create_time:
            return None
        return ReadState(shown.message, shown.extent.sequence)

    async def show(self, row: ExecutionRow) -> Execution | None:
        """Show an execution, reading it only if its columns do not tell all of the contents.

        Returns:
            None if it had to be read and has been deleted.
        """
        if self.rows_suffice:
            return self.show_row(row)
        state = await self.read(row)
        return None if state is None else state.message
