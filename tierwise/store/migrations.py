"""The schema, as a list of steps that are each applied once and remembered by name.

A column's default may not call a function (`nextval`, `now`): DuckDB cannot read a .wal back in which such a table is altered, and a file
whose process was killed then no longer opens.
"""

from collections.abc import Callable

import duckdb

from tierwise.store.connection import NUMBERED, Connection
from tierwise.types import now

MIGRATIONS: list[Callable[[duckdb.DuckDBPyConnection], None]] = []


def migrate(connection: Connection) -> None:
    """Apply the steps that this file has not seen, each with its mark in one transaction."""
    with connection.write(alone="migrations") as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TIMESTAMP)")
    with connection.read() as cursor:
        seen = {name for (name,) in cursor.execute("SELECT name FROM migrations").fetchall()}
    for step in MIGRATIONS:
        if step.__name__ not in seen:
            with connection.write(alone="migrations") as cursor:
                if cursor.execute("SELECT 1 FROM migrations WHERE name = ?", [step.__name__]).fetchone():
                    continue  # another copy of the app was quicker
                step(cursor)
                cursor.execute("INSERT INTO migrations VALUES (?, ?)", [step.__name__, now()])


@MIGRATIONS.append
def m001_first_schema(cursor: duckdb.DuckDBPyConnection) -> None:
    """Prompt sets, runs, attempts and how they ended, outcomes, grades, policies. Rows are appended; only a run's status changes."""
    cursor.execute("""
        CREATE TABLE evalsets (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, source TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE TABLE samples (
            evalset_id TEXT NOT NULL, position INTEGER NOT NULL, sample_id TEXT NOT NULL, input TEXT NOT NULL, reference TEXT,
            request_type TEXT, system TEXT, messages TEXT, context TEXT, cluster TEXT, weight DOUBLE NOT NULL, metadata TEXT NOT NULL);
        CREATE TABLE runs (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, evalset_id TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
            tiers TEXT NOT NULL, params TEXT NOT NULL, note TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE SEQUENCE attempt_ids;
        CREATE TABLE attempts (
            id BIGINT PRIMARY KEY, run_id TEXT NOT NULL, sample_id TEXT NOT NULL, tier TEXT NOT NULL, repeat INTEGER NOT NULL,
            model TEXT NOT NULL, reserved_usd DOUBLE, sent_at TIMESTAMP NOT NULL);
        CREATE TABLE settlements (
            attempt_id BIGINT PRIMARY KEY, closed_at TIMESTAMP NOT NULL, status TEXT NOT NULL, cost_usd DOUBLE, error TEXT, http_status INTEGER);
        CREATE TABLE outcomes (
            run_id TEXT NOT NULL, sample_id TEXT NOT NULL, tier TEXT NOT NULL, repeat INTEGER NOT NULL, status TEXT NOT NULL,
            output TEXT, error TEXT, finish_reason TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd DOUBLE,
            latency_s DOUBLE, served_model TEXT, created_at TIMESTAMP NOT NULL, first_token_s DOUBLE, cached_tokens INTEGER,
            reasoning_tokens INTEGER, call_key TEXT, reused_from TEXT, PRIMARY KEY (run_id, sample_id, tier, repeat));
        CREATE SEQUENCE grade_ids;
        CREATE TABLE grades (
            id BIGINT, run_id TEXT NOT NULL, sample_id TEXT NOT NULL, tier TEXT NOT NULL,
            repeat INTEGER NOT NULL, value DOUBLE, scorer TEXT NOT NULL, reason TEXT, author TEXT NOT NULL, explanation TEXT NOT NULL,
            created_at TIMESTAMP NOT NULL);
        CREATE TABLE policies (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, run_id TEXT NOT NULL, document TEXT NOT NULL,
            created_at TIMESTAMP NOT NULL);
    """)


@MIGRATIONS.append
def m002_grading_by_people(cursor: duckdb.DuckDBPyConnection) -> None:
    """Sessions with their queue, who took which prompt, pairwise grades, and marks (skips, flags, comments). All appended."""
    cursor.execute("""
        CREATE TABLE grading_sessions (
            id TEXT PRIMARY KEY, run_id TEXT NOT NULL, author TEXT NOT NULL, scale TEXT NOT NULL, scorer TEXT NOT NULL,
            params TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE TABLE grading_items (
            session_id TEXT NOT NULL, position INTEGER NOT NULL, sample_id TEXT NOT NULL, stratum TEXT NOT NULL, tiers TEXT NOT NULL,
            tier_count INTEGER NOT NULL, chosen TEXT, is_check BOOLEAN NOT NULL);
        CREATE TABLE grading_claims (
            session_id TEXT NOT NULL, position INTEGER NOT NULL, rater TEXT NOT NULL, claimed_at TIMESTAMP NOT NULL);
        CREATE SEQUENCE comparison_ids;
        CREATE TABLE comparisons (
            id BIGINT, run_id TEXT NOT NULL, sample_id TEXT NOT NULL, first_tier TEXT NOT NULL,
            second_tier TEXT NOT NULL, result DOUBLE, author TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE SEQUENCE mark_ids;
        CREATE TABLE marks (
            id BIGINT, run_id TEXT NOT NULL, sample_id TEXT NOT NULL, tier TEXT NOT NULL, kind TEXT NOT NULL,
            text TEXT NOT NULL, author TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
    """)


@MIGRATIONS.append
def m003_traffic(cursor: duckdb.DuckDBPyConnection) -> None:
    """Profiles of traffic, and the prompts of those whose user asked for them to be kept. Appended only."""
    cursor.execute("""
        CREATE TABLE traffic_profiles (id TEXT PRIMARY KEY, name TEXT NOT NULL, document TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE TABLE traffic_prompts (
            profile_id TEXT NOT NULL, position INTEGER NOT NULL, prompt TEXT NOT NULL, request_type TEXT, prompt_tokens DOUBLE,
            requests INTEGER NOT NULL);
    """)


@MIGRATIONS.append
def m004_grading_by_models(cursor: duckdb.DuckDBPyConnection) -> None:
    """What a paid request was for, what a grade by a model rests on, and each scorer's options in full as it was applied."""
    cursor.execute("""
        ALTER TABLE grades ALTER COLUMN id DROP DEFAULT;
        ALTER TABLE attempts ADD COLUMN purpose TEXT DEFAULT 'answer';
        ALTER TABLE grades ADD COLUMN provenance TEXT;
        CREATE TABLE scorings (
            run_id TEXT NOT NULL, scorer TEXT NOT NULL, name TEXT NOT NULL, options TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
    """)


@MIGRATIONS.append
def m005_people_and_projects(cursor: duckdb.DuckDBPyConnection) -> None:
    """Projects with members, who spent what, the audit log and links for reading. What there was goes to the project Default.

    Equal prompts, and a policy of one id, may be in two projects: their uniqueness is the project's from now on.
    """
    cursor.execute("""
        CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
        CREATE TABLE people (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, admin BOOLEAN NOT NULL, subject TEXT NOT NULL,
            seen_at TIMESTAMP, created_at TIMESTAMP NOT NULL);
        CREATE TABLE members (project_id TEXT NOT NULL, person_id TEXT NOT NULL, role TEXT NOT NULL);
        CREATE SEQUENCE audit_ids;
        CREATE TABLE audit (
            id BIGINT NOT NULL, done_at TIMESTAMP NOT NULL, person_id TEXT NOT NULL, person TEXT NOT NULL, action TEXT NOT NULL,
            kind TEXT NOT NULL, object_id TEXT NOT NULL, object TEXT NOT NULL, project_id TEXT NOT NULL, detail TEXT NOT NULL);
        CREATE TABLE shares (
            id TEXT PRIMARY KEY, digest TEXT NOT NULL, kind TEXT NOT NULL, object_id TEXT NOT NULL, project_id TEXT NOT NULL,
            texts BOOLEAN NOT NULL, made_by TEXT NOT NULL, created_at TIMESTAMP NOT NULL, expires_at TIMESTAMP NOT NULL,
            revoked_at TIMESTAMP);
        ALTER TABLE runs ADD COLUMN project_id TEXT DEFAULT 'default';
        ALTER TABLE traffic_profiles ADD COLUMN project_id TEXT DEFAULT 'default';
        ALTER TABLE attempts ADD COLUMN person_id TEXT DEFAULT '';
        CREATE TABLE evalsets_by_project (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, source TEXT NOT NULL, created_at TIMESTAMP NOT NULL,
            project_id TEXT DEFAULT 'default', UNIQUE (project_id, digest));
        INSERT INTO evalsets_by_project (id, name, digest, source, created_at) SELECT id, name, digest, source, created_at FROM evalsets;
        DROP TABLE evalsets;
        ALTER TABLE evalsets_by_project RENAME TO evalsets;
        CREATE TABLE policies_by_project (
            id TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, run_id TEXT NOT NULL, document TEXT NOT NULL,
            created_at TIMESTAMP NOT NULL, project_id TEXT DEFAULT 'default', PRIMARY KEY (project_id, id));
        INSERT INTO policies_by_project (id, name, version, run_id, document, created_at)
            SELECT id, name, version, run_id, document, created_at FROM policies;
        DROP TABLE policies;
        ALTER TABLE policies_by_project RENAME TO policies;
    """)
    cursor.execute("INSERT INTO projects VALUES ('default', 'Default', ?)", [now()])


@MIGRATIONS.append
def m006_grades_that_count(cursor: duckdb.DuckDBPyConnection) -> None:
    """Whose automatic grades count for a run, as somebody chose; the newest row holds."""
    cursor.execute("""
        CREATE TABLE counting (run_id TEXT NOT NULL, scorer TEXT NOT NULL, author TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
    """)


@MIGRATIONS.append
def m007_several_processes(cursor: duckdb.DuckDBPyConnection) -> None:
    """Who does which work, which requests are under way, and what is spent under each cap: only used where several processes write."""
    cursor.execute("""
        CREATE TABLE owners (owner TEXT PRIMARY KEY, until TIMESTAMP NOT NULL);
        CREATE TABLE claims (name TEXT PRIMARY KEY, owner TEXT NOT NULL, spender TEXT NOT NULL);
        CREATE TABLE passes (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, lane TEXT NOT NULL, who TEXT NOT NULL, tokens DOUBLE NOT NULL,
            taken_at TIMESTAMP NOT NULL, ended BOOLEAN NOT NULL);
        CREATE TABLE spendings (name TEXT PRIMARY KEY, counted_usd DOUBLE NOT NULL);
    """)


@MIGRATIONS.append
def m008_no_functions_in_defaults(cursor: duckdb.DuckDBPyConnection) -> None:
    """Files of before had them, see above; numbers are given with the rows now."""
    for table, column in (*((table, "id") for table in NUMBERED), ("migrations", "applied_at")):
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")


@MIGRATIONS.append
def m009_confidence(cursor: duckdb.DuckDBPyConnection) -> None:
    """How sure a model was of its answer, where its endpoint gave logprobs."""
    cursor.execute("ALTER TABLE outcomes ADD COLUMN confidence DOUBLE")
