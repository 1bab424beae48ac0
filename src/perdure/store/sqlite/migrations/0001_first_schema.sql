-- Instants are int64 microseconds since the epoch, UTC. Payloads are opaque records.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest store revision; one row, written once per transaction.
CREATE TABLE head (
    only     INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL CHECK (revision >= 0)
) STRICT;

INSERT INTO head (only, revision) VALUES (1, 0);

CREATE TABLE token_keys (
    key_id INTEGER NOT NULL PRIMARY KEY,
    secret BLOB    NOT NULL CHECK (length(secret) >= 16)
) STRICT;

CREATE TABLE integrations (
    project        TEXT    NOT NULL,
    integration    TEXT    NOT NULL,
    uid            TEXT    NOT NULL,
    latest_ordinal INTEGER NOT NULL CHECK (latest_ordinal >= 1),
    deleted        INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    create_time    INTEGER NOT NULL,
    update_time    INTEGER NOT NULL,
    store_revision INTEGER NOT NULL,
    PRIMARY KEY (project, integration)
) STRICT, WITHOUT ROWID;

CREATE TABLE integration_triggers (
    project     TEXT    NOT NULL,
    integration TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    trigger_id  TEXT    NOT NULL,
    PRIMARY KEY (project, integration, position),
    FOREIGN KEY (project, integration) REFERENCES integrations
) STRICT, WITHOUT ROWID;

CREATE INDEX integration_triggers_by_id ON integration_triggers (project, trigger_id, integration);

CREATE TABLE revisions (
    project     TEXT    NOT NULL,
    integration TEXT    NOT NULL,
    ordinal     INTEGER NOT NULL CHECK (ordinal >= 1),
    revision_id TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    payload     BLOB    NOT NULL,
    create_time INTEGER NOT NULL,
    principal   TEXT    NOT NULL,
    store_revision INTEGER NOT NULL,
    PRIMARY KEY (project, integration, ordinal),
    FOREIGN KEY (project, integration) REFERENCES integrations
) STRICT;

-- The first group of columns never changes, the others follow the state. current_tasks is a JSON array of texts,
-- labels and parameters are JSON objects.
CREATE TABLE executions (
    project            TEXT    NOT NULL,
    execution          TEXT    NOT NULL,
    integration        TEXT    NOT NULL,
    revision_id        TEXT    NOT NULL,
    trigger_id         TEXT    NOT NULL,
    execution_method   INTEGER NOT NULL CHECK (execution_method BETWEEN 0 AND 3),
    labels             TEXT    NOT NULL,
    create_time        INTEGER NOT NULL,
    root               TEXT    NOT NULL,
    parent             TEXT,
    task               TEXT,
    generation         INTEGER,
    item               INTEGER,
    orphan             INTEGER NOT NULL CHECK (orphan IN (0, 1)),
    root_integration   TEXT    NOT NULL,
    parent_integration TEXT    NOT NULL,
    -- Ids between slashes, topmost first: '/a/b/'. Empty at the top of a tree.
    ancestors          TEXT    NOT NULL,
    started_by         INTEGER NOT NULL,
    principal          TEXT    NOT NULL,
    schedule_time      INTEGER,
    max_runtime        INTEGER NOT NULL,
    replay_of          TEXT,

    sequence           INTEGER NOT NULL CHECK (sequence >= 1),
    revision           INTEGER NOT NULL CHECK (revision >= 1),
    state              INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
    active             INTEGER NOT NULL CHECK (active IN (0, 1)),
    wake_time          INTEGER,
    history_deleted    INTEGER NOT NULL CHECK (history_deleted IN (0, 1)),

    update_time        INTEGER NOT NULL,
    start_time         INTEGER,
    end_time           INTEGER CHECK (end_time IS NULL OR active = 0),
    error_code         TEXT,
    current_tasks      TEXT    NOT NULL,
    parameters         TEXT    NOT NULL,
    execution_attempt  INTEGER NOT NULL,
    priority           INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 999),
    -- NULL as long as labels says what they are.
    new_labels         TEXT,

    deadline            INTEGER,
    next_execution_time INTEGER,
    cancel_time         INTEGER,
    cancel_reason       TEXT    NOT NULL,
    message             TEXT    NOT NULL,
    error_message       TEXT    NOT NULL,
    task_count          INTEGER NOT NULL,
    finished_task_count INTEGER NOT NULL,
    description         TEXT    NOT NULL,
    pause_time          INTEGER,
    pause_reason        TEXT    NOT NULL,
    development         INTEGER NOT NULL CHECK (development IN (0, 1)),

    PRIMARY KEY (project, execution),
    CHECK ((parent IS NULL) = (task IS NULL)
       AND (parent IS NULL) = (generation IS NULL)
       AND (parent IS NULL) = (item IS NULL))
) STRICT, WITHOUT ROWID;

-- Every index here is written by every Execute, so each has to be needed by a promise.
--
-- Lists are in the order of create_time and execution. One index for each filter that is promised to be quick, and
-- one for the same within an integration: a filter that leaves much, in an integration that has little of it,
-- would otherwise look at all of it.
CREATE INDEX executions_by_create_time ON executions (project, create_time, execution);
CREATE INDEX executions_by_integration ON executions (project, integration, create_time, execution);
-- Also live executions, which are those in some of the states, and counts, which are by state.
CREATE INDEX executions_by_state ON executions (project, state, create_time, execution);
CREATE INDEX executions_by_integration_state ON executions (project, integration, state, create_time, execution);
CREATE INDEX executions_by_trigger ON executions (project, trigger_id, create_time, execution)
    WHERE trigger_id <> '';
CREATE INDEX executions_by_integration_trigger ON executions
    (project, integration, trigger_id, create_time, execution) WHERE trigger_id <> '';
-- The rest concerns sub-executions alone, or few executions at a time.
CREATE INDEX executions_by_parent ON executions (project, parent, create_time, execution) WHERE parent IS NOT NULL;
-- The executions of a tree below its root.
CREATE INDEX executions_by_root ON executions (project, root, create_time, execution) WHERE root <> execution;
-- Those below the executions of an integration that are not of the integration themselves. As elsewhere, the last
-- column is there so that the condition is found in the index.
CREATE INDEX executions_by_root_integration ON executions
    (project, root_integration, create_time, execution, integration) WHERE root_integration <> integration;
-- The replays of an execution.
CREATE INDEX executions_by_replay_of ON executions (project, replay_of, create_time, execution)
    WHERE replay_of IS NOT NULL;
-- A child is never created twice.
CREATE UNIQUE INDEX executions_by_origin ON executions (project, parent, task, generation, item)
    WHERE parent IS NOT NULL;
-- Recovery and timers read over all projects.
CREATE INDEX executions_active ON executions (create_time, project, execution) WHERE active = 1;
CREATE INDEX executions_waking ON executions (wake_time, project, execution)
    WHERE active = 0 AND wake_time IS NOT NULL;
CREATE INDEX executions_live_children ON executions (project, parent)
    WHERE end_time IS NULL AND parent IS NOT NULL AND orphan = 0;
-- Retention deletes whole trees, by the end of their roots.
CREATE INDEX executions_ended_roots ON executions (project, integration, end_time, execution, ancestors)
    WHERE end_time IS NOT NULL AND ancestors = '';

-- What executions are found by besides: labels and searchable parameters, each as one text made of key and value.
-- Written and deleted together with the execution; a foreign key would only cost.
CREATE TABLE execution_terms (
    project     TEXT    NOT NULL,
    term        TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    execution   TEXT    NOT NULL,
    integration TEXT    NOT NULL,
    PRIMARY KEY (project, term, create_time, execution)
) STRICT, WITHOUT ROWID;

CREATE INDEX execution_terms_by_integration ON execution_terms (project, integration, term, create_time, execution);

CREATE TABLE base_states (
    project   TEXT    NOT NULL,
    execution TEXT    NOT NULL,
    sequence  INTEGER NOT NULL CHECK (sequence >= 1),
    payload   BLOB    NOT NULL,
    PRIMARY KEY (project, execution),
    FOREIGN KEY (project, execution) REFERENCES executions
) STRICT;

-- What executions wait for from outside, also after it was decided. kind and state are numbers of the contract;
-- who_may_resolve is a JSON array of texts. Nothing of the first group of columns ever changes.
CREATE TABLE suspensions (
    project           TEXT    NOT NULL,
    execution         TEXT    NOT NULL,
    number            INTEGER NOT NULL CHECK (number >= 1),
    integration       TEXT    NOT NULL,
    task              TEXT    NOT NULL,
    kind              INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 2),
    create_time       INTEGER NOT NULL,
    expire_time       INTEGER,
    lift_when_expired INTEGER NOT NULL CHECK (lift_when_expired IN (0, 1)),
    who_may_resolve   TEXT    NOT NULL,
    message           TEXT    NOT NULL,
    signal            TEXT    NOT NULL,

    state              INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    update_time        INTEGER NOT NULL,
    remind_time        INTEGER,
    last_reminder_time INTEGER,
    resolve_time       INTEGER,
    resolver           TEXT    NOT NULL,
    result             TEXT    NOT NULL,

    PRIMARY KEY (project, execution, number),
    FOREIGN KEY (project, execution) REFERENCES executions
) STRICT, WITHOUT ROWID;

-- Lists are in the order of create_time, execution and number. Those that wait are few among many that are decided.
CREATE INDEX suspensions_by_create_time ON suspensions (project, create_time, execution, number);
CREATE INDEX suspensions_by_integration ON suspensions (project, integration, create_time, execution, number);
CREATE INDEX suspensions_pending ON suspensions (project, create_time, execution, number) WHERE state = 1;
CREATE INDEX suspensions_pending_by_integration ON suspensions (project, integration, create_time, execution, number)
    WHERE state = 1;

-- position is the store revision times 65536 plus the place in the commit, so that the table is in commit order.
-- The last group of columns says what the record left of the execution, so that a filtered watch can go on from any
-- place; current_tasks, parameters and new_labels are as in executions, the first two NULL if they are empty.
CREATE TABLE events (
    position          INTEGER NOT NULL PRIMARY KEY,
    project           TEXT    NOT NULL,
    execution         TEXT    NOT NULL,
    first_sequence    INTEGER NOT NULL CHECK (first_sequence >= 1),
    count             INTEGER NOT NULL CHECK (count >= 1),
    state             INTEGER NOT NULL,
    update_time       INTEGER NOT NULL,
    start_time        INTEGER,
    end_time          INTEGER,
    error_code        TEXT,
    current_tasks     TEXT,
    parameters        TEXT,
    execution_attempt INTEGER NOT NULL,
    priority          INTEGER NOT NULL,
    new_labels        TEXT,
    payload           BLOB    NOT NULL,
    UNIQUE (project, execution, first_sequence),
    FOREIGN KEY (project, execution) REFERENCES executions
) STRICT;

-- Store revision up to which records of an integration's executions may have been deleted with them.
CREATE TABLE retention_floors (
    project     TEXT    NOT NULL,
    integration TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    PRIMARY KEY (project, integration)
) STRICT, WITHOUT ROWID;

-- The same of the parts of a tree, while its root is still there.
CREATE TABLE retention_trees (
    project  TEXT    NOT NULL,
    root     TEXT    NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    PRIMARY KEY (project, root)
) STRICT, WITHOUT ROWID;

-- number rises as request ids come, so that the oldest are found without an index by time.
CREATE TABLE request_ids (
    number      INTEGER NOT NULL PRIMARY KEY,
    project     TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    executions  TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    UNIQUE (project, method, request_id)
) STRICT;

-- Workers belong to the server, not to a project.
CREATE TABLE worker_sessions (
    worker      TEXT    NOT NULL PRIMARY KEY,
    incarnation TEXT    NOT NULL,
    embedded    INTEGER NOT NULL CHECK (embedded IN (0, 1)),
    open_time   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
