"""The documented tables, copied by hand from the documents: never derived from the models, which it judges.

Types are as MariaDB names them. What the documents call

- INTEGER is `int`, or for keys also `bigint`; BOOLEAN is `tinyint(1)`; DATETIME and TIMESTAMP are `datetime(6)`, UTC;
- TEXT is `longtext`: the documents describe SQLite, whose TEXT does not end at 64 KB;
- ENUM is `varchar(20)` with a check on its values, in lower case;
- FLOAT is `float`, JSON is `longtext` with a check (MariaDB has no type of its own for it).

Where a document says nothing of NULL, a column with a default is NOT NULL and one without may be NULL.
"""

from dataclasses import dataclass

KEY = "int or bigint"
NOW = "current_timestamp(6)"
DATETIME = "datetime(6)"
BOOLEAN = "tinyint(1)"
TEXT = "longtext"
ENUM = "varchar(20)"
FALSE, TRUE, ZERO = "0", "1", "0"


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    null: bool
    default: str | None = None  # as information_schema writes it
    indexed: bool = False  # the document marks the column itself INDEX or UNIQUE
    unique: bool = False
    references: str = ""  # table, by its id


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    primary_key: str = "id"
    indexes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unique: tuple[tuple[str, tuple[str, ...]], ...] = ()


def some(name: str, type: str, **more: str | bool) -> Column:  # noqa: A002
    """A column that may be NULL."""
    return Column(name, type, null=True, **more)  # type: ignore[arg-type]


def must(name: str, type: str, default: str | None = None, **more: str | bool) -> Column:  # noqa: A002
    """A column that must have a value."""
    return Column(name, type, null=False, default=default, **more)  # type: ignore[arg-type]


def integer(name: str) -> Column:
    return must(name, "int", ZERO)


LEGACY_PLATFORM = (some("platform_type", "varchar(50)"), some("instance_url", "varchar(500)"))
CREATED_AND_UPDATED = (must("created_at", DATETIME, NOW), must("updated_at", DATETIME, NOW))

TABLES = (
    Table(
        "users",
        (
            must("id", KEY),
            must("username", "varchar(64)", indexed=True, unique=True),
            must("email", "varchar(120)", indexed=True, unique=True),
            must("password_hash", "varchar(256)"),
            must("role", ENUM, "'viewer'"),
            must("is_active", BOOLEAN, TRUE),
            must("created_at", DATETIME, NOW),
            some("last_login", DATETIME),
        ),
    ),
    Table(
        "platform_connections",
        (
            must("id", KEY),
            must("user_id", KEY, references="users"),
            must("name", "varchar(100)"),
            must("platform_type", "varchar(50)"),
            must("instance_url", "varchar(500)"),
            some("username", "varchar(200)"),
            must("access_token", TEXT),
            some("client_key", TEXT),
            some("client_secret", TEXT),
            must("is_active", BOOLEAN, TRUE),
            must("is_default", BOOLEAN, FALSE),
            *CREATED_AND_UPDATED,
            some("last_used", DATETIME),
        ),
        indexes=(
            ("ix_platform_user_active", ("user_id", "is_active")),
            ("ix_platform_type_active", ("platform_type", "is_active")),
            ("ix_platform_instance_type", ("instance_url", "platform_type")),
        ),
        unique=(
            ("uq_user_platform_name", ("user_id", "name")),
            ("uq_user_instance_username", ("user_id", "instance_url", "username")),
        ),
    ),
    Table(
        "user_sessions",
        (
            must("id", KEY),
            must("session_id", "varchar(255)", indexed=True, unique=True),
            must("user_id", KEY, indexed=True, references="users"),
            some("active_platform_id", KEY, references="platform_connections"),
            must("created_at", DATETIME, NOW),
            must("updated_at", DATETIME, NOW, indexed=True),
            must("last_activity", DATETIME, NOW, indexed=True),
            must("expires_at", DATETIME, indexed=True),
            must("is_active", BOOLEAN, TRUE, indexed=True),
            some("session_fingerprint", TEXT),
            some("user_agent", TEXT),
            some("ip_address", "varchar(45)"),
        ),
        indexes=(
            ("idx_user_sessions_last_activity", ("last_activity", "is_active")),
            ("idx_user_sessions_expires_at", ("expires_at", "is_active")),
            ("idx_user_sessions_user_active", ("user_id", "is_active", "last_activity")),
        ),
    ),
    Table(
        "posts",
        (
            must("id", KEY),
            must("post_id", "varchar(500)", indexed=True),
            must("user_id", "varchar(200)"),
            must("post_url", "varchar(500)"),
            some("post_content", TEXT),
            *CREATED_AND_UPDATED,
            some("platform_connection_id", KEY, references="platform_connections"),
            *LEGACY_PLATFORM,
        ),
        unique=(("uq_post_platform", ("post_id", "platform_connection_id")),),
    ),
    Table(
        "images",
        (
            must("id", KEY),
            must("post_id", KEY, references="posts"),
            must("image_url", "varchar(1000)"),
            must("local_path", "varchar(500)"),
            some("original_filename", "varchar(200)"),
            some("media_type", "varchar(100)"),
            some("image_post_id", "varchar(100)"),
            must("attachment_index", "int"),
            some("platform_connection_id", KEY, references="platform_connections"),
            *LEGACY_PLATFORM,
            some("original_caption", TEXT),
            some("generated_caption", TEXT),
            some("reviewed_caption", TEXT),
            some("final_caption", TEXT),
            some("image_category", "varchar(50)"),
            some("prompt_used", TEXT),
            must("status", ENUM, "'pending'"),
            *CREATED_AND_UPDATED,
            some("reviewed_at", DATETIME),
            some("posted_at", DATETIME),
            some("original_post_date", DATETIME),
            some("reviewer_notes", TEXT),
            some("processing_error", TEXT),
            some("caption_quality_score", "int"),
            must("needs_special_review", BOOLEAN, FALSE),
        ),
        unique=(("uq_image_platform", ("image_post_id", "platform_connection_id")),),
    ),
    Table(
        "processing_runs",
        (
            must("id", KEY),
            must("user_id", "varchar(200)"),
            some("batch_id", "varchar(200)"),
            must("started_at", DATETIME, NOW),
            some("completed_at", DATETIME),
            integer("posts_processed"),
            integer("images_processed"),
            integer("captions_generated"),
            integer("errors_count"),
            must("status", "varchar(50)", "'running'"),
            some("platform_connection_id", KEY, references="platform_connections"),
            *LEGACY_PLATFORM,
            integer("retry_attempts"),
            integer("retry_successes"),
            integer("retry_failures"),
            integer("retry_total_time"),
            some("retry_stats_json", TEXT),
        ),
        unique=(("uq_batch_platform", ("batch_id", "platform_connection_id")),),
    ),
    Table(
        "caption_generation_tasks",
        (
            must("id", "varchar(36)"),
            must("user_id", KEY, references="users"),
            must("platform_connection_id", KEY, references="platform_connections"),
            must("status", ENUM, "'queued'"),
            some("settings_json", TEXT),
            must("created_at", DATETIME, NOW),
            some("started_at", DATETIME),
            some("completed_at", DATETIME),
            some("error_message", TEXT),
            some("results_json", TEXT),
            integer("progress_percent"),
            some("current_step", "varchar(200)"),
        ),
    ),
    Table(
        "caption_generation_user_settings",
        (
            must("id", KEY),
            must("user_id", KEY, references="users"),
            must("platform_connection_id", KEY, references="platform_connections"),
            must("max_posts_per_run", "int", "50"),
            must("max_caption_length", "int", "500"),
            must("optimal_min_length", "int", "80"),
            must("optimal_max_length", "int", "200"),
            must("reprocess_existing", BOOLEAN, FALSE),
            must("processing_delay", "float", "1"),
            *CREATED_AND_UPDATED,
        ),
        unique=(("uq_user_platform_settings", ("user_id", "platform_connection_id")),),
    ),
    # From the second document; its `users` gives way to the first one's.
    Table(
        "audit_logs",
        (
            must("id", KEY),
            some("user_id", KEY, references="users"),
            must("action", "varchar(100)"),
            some("entity_type", "varchar(50)"),
            some("entity_id", "varchar(100)"),
            some("details", TEXT),
            some("ip_address", "varchar(45)"),
            some("user_agent", TEXT),
            must("created_at", DATETIME, NOW),
        ),
        indexes=(
            ("idx_audit_logs_user_id", ("user_id",)),
            ("idx_audit_logs_created_at", ("created_at",)),
            ("idx_audit_logs_action", ("action",)),
        ),
    ),
    Table(
        "settings",
        (
            must("key", "varchar(100)"),
            must("value", TEXT),
            some("description", TEXT),
            must("updated_at", DATETIME, NOW),
        ),
        primary_key="key",
    ),
    Table(
        "system_requests",
        (
            must("id", KEY),
            must("user_id", KEY, references="users"),
            must("status", "varchar(20)", "'pending'"),
            some("admin_notes", TEXT),
            *CREATED_AND_UPDATED,
        ),
    ),
)

ENUMS = (
    ("users", "role", ("admin", "moderator", "reviewer", "viewer")),
    ("images", "status", ("pending", "reviewed", "approved", "rejected", "posted", "error")),
    ("caption_generation_tasks", "status", ("queued", "running", "completed", "failed", "cancelled")),
)
