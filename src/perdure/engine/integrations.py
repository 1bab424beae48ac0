"""Definitions: creating, replacing and deleting integrations, each content a revision of its own (row 40)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from perdure.codec.integrations import revision_id
from perdure.domain import commands as cmd
from perdure.domain.errors import AlreadyExists, Conflict, NotFound, Unavailable, WrongState
from perdure.engine.definitions import revision_ordinal
from perdure.store.errors import StoreError
from perdure.store.records import IntegrationKey, IntegrationRecord, RevisionRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from perdure.engine.active import ActiveSet
    from perdure.engine.definitions import Definitions
    from perdure.engine.environment import Environment
    from perdure.store.records import Commit

T = TypeVar("T")

CANCEL_PAGE: Final = 500
"""Executions of a deleted integration that are cancelled at a time."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A definition that was found to be without fault.

    Attributes:
        content: What its identity rests on: the same content is the same revision.
        payload: The revision as it is stored.
        triggers: Ids of its triggers.
    """

    content: bytes
    payload: bytes
    triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deployed:
    """An integration with one of its revisions."""

    integration: IntegrationRecord
    revision: RevisionRecord


def etag_of(record: IntegrationRecord) -> str:
    """Make the etag of an integration: another one with every revision (AIP-154)."""
    return f"{record.uid[:8]}-{record.latest_ordinal}"


class Integrations:
    """Use cases of `IntegrationService`. Changes come one at a time, each durable before the next."""

    def __init__(self, environment: Environment, definitions: Definitions, active: ActiveSet) -> None:
        self._env = environment
        self._store = environment.store
        self._definitions = definitions
        self._active = active
        self._changing = asyncio.Lock()

    async def create(
        self, key: IntegrationKey, draft: Draft, principal: str, *, validate_only: bool = False
    ) -> Deployed:
        """Create an integration; its first revision follows the last one of a deleted namesake (decision 13).

        Raises:
            AlreadyExists: There is one of that id.
        """
        async with self._changing:
            record = await self._read(self._store.get_integration(key))
            if record is not None and not record.deleted:
                raise AlreadyExists(
                    f"integration {key.integration} exists already", reason="INTEGRATION_ALREADY_EXISTS"
                )
            return await self._deploy(key, record, draft, principal, validate_only=validate_only)

    async def update(
        self,
        key: IntegrationKey,
        draft: Draft,
        principal: str,
        *,
        etag: str = "",
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> Deployed:
        """Replace the definition of an integration; the same content stays the same revision.

        Raises:
            NotFound: There is none, and `allow_missing` is not set.
            Conflict: The etag is not the present one.
        """
        async with self._changing:
            record = await self._read(self._store.get_integration(key))
            if record is None or record.deleted:
                if not allow_missing:
                    raise _missing(key)
                return await self._deploy(key, record, draft, principal, validate_only=validate_only)
            _check_etag(record, etag)
            latest = await self._latest(record)
            if latest.digest == _digest(draft):
                return Deployed(record, latest)
            return await self._deploy(key, record, draft, principal, validate_only=validate_only)

    async def _deploy(
        self,
        key: IntegrationKey,
        before: IntegrationRecord | None,
        draft: Draft,
        principal: str,
        *,
        validate_only: bool,
    ) -> Deployed:
        now = self._env.clock.now()
        commit = None if validate_only else self._active.next_commit()
        store_revision = commit.revision if commit else 0
        ordinal = before.latest_ordinal + 1 if before else 1
        anew = before is None or before.deleted
        record = IntegrationRecord(
            key=key,
            uid=self._env.chance.execution_id() if before is None or anew else before.uid,
            latest_ordinal=ordinal,
            deleted=False,
            triggers=draft.triggers,
            create_time=now if before is None or anew else before.create_time,
            update_time=now,
            store_revision=store_revision,
        )
        revision = RevisionRecord(
            key=key,
            ordinal=ordinal,
            revision_id=revision_id(ordinal, draft.content),
            digest=_digest(draft),
            payload=draft.payload,
            create_time=now,
            principal=principal,
            store_revision=store_revision,
        )
        if commit is not None:
            commit.revisions.append(revision)
            await self._write(commit, record)
        return Deployed(record, revision)

    async def _write(self, commit: Commit, record: IntegrationRecord) -> None:
        commit.integrations.append(record)
        await self._read(self._store.commit(commit))
        self._definitions.changed(record)

    async def delete(
        self, key: IntegrationKey, principal: str, *, force: bool = False, etag: str = "", validate_only: bool = False
    ) -> None:
        """Delete an integration; its ended executions stay readable (decision 13).

        Raises:
            NotFound: There is none.
            Conflict: The etag is not the present one.
            WrongState: It has live executions, and `force`, which cancels them, is not set.
        """
        async with self._changing:
            record = await self._read(self._store.get_integration(key))
            if record is None or record.deleted:
                raise _missing(key)
            _check_etag(record, etag)
            live = await self._read(self._store.live_executions(key, 1))
            if live and not force:
                message = f"integration {key.integration} has live executions; cancel them, or set force"
                raise WrongState(message, reason="INTEGRATION_IN_USE")
            if validate_only:
                return
            now, commit = self._env.clock.now(), self._active.next_commit()
            gone = replace(record, deleted=True, triggers=(), update_time=now, store_revision=commit.revision)
            await self._write(commit, gone)
        if live:
            self._env.insist(lambda: self._cancel_all(key, principal), f"cancel executions of {key.integration}")

    async def _cancel_all(self, key: IntegrationKey, principal: str) -> None:
        reason = f"integration {key.integration} was deleted"
        done: set[str] = set()
        while True:
            live = [k for k in await self._store.live_executions(key, CANCEL_PAGE) if k.execution not in done]
            if not live:
                return
            for each in live:
                done.add(each.execution)
                await self._active.command(each, cmd.Cancel(reason, principal))

    async def get(self, key: IntegrationKey) -> Deployed:
        """Read an integration with its latest revision.

        Raises:
            NotFound: There is none.
        """
        record = await self._read(self._store.get_integration(key))
        if record is None or record.deleted:
            raise _missing(key)
        return Deployed(record, await self._latest(record))

    async def page(self, project: str, after: str, limit: int) -> list[Deployed]:
        """Read integrations of a project by id, after an id."""
        found = await self._read(self._store.list_integrations(project, after, limit))
        return [Deployed(record, revision) for record, revision in found]

    async def get_revision(self, key: IntegrationKey, wanted: str) -> RevisionRecord:
        """Read one revision by its id; those of a deleted integration are still there.

        Raises:
            NotFound: There is none.
        """
        record = await self._read(self._store.get_revision(key, revision_ordinal(wanted)))
        if record is None or record.revision_id != wanted:
            raise NotFound("revision", f"{key.integration}/{wanted}", reason="REVISION_NOT_FOUND")
        return record

    async def list_revisions(self, key: IntegrationKey, before: int | None, limit: int) -> list[RevisionRecord]:
        """Read revisions of an integration, newest first, below an ordinal.

        Raises:
            NotFound: There never was such an integration.
        """
        if await self._read(self._store.get_integration(key)) is None:
            raise _missing(key)
        return await self._read(self._store.list_revisions(key, before, limit))

    async def _latest(self, record: IntegrationRecord) -> RevisionRecord:
        revision = await self._read(self._store.get_revision(record.key, record.latest_ordinal))
        assert revision is not None, "an integration has its latest revision"
        return revision

    async def _read(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except StoreError as error:
            raise Unavailable("the store cannot be used now") from error


def _digest(draft: Draft) -> bytes:
    return hashlib.sha256(draft.content).digest()


def _check_etag(record: IntegrationRecord, etag: str) -> None:
    if etag and etag != etag_of(record):
        message = f"integration {record.key.integration} has changed since; its etag is {etag_of(record)}"
        raise Conflict(message, reason="ETAG_MISMATCH")


def _missing(key: IntegrationKey) -> NotFound:
    return NotFound("integration", key.integration, reason="INTEGRATION_NOT_FOUND")
