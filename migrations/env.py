"""How Alembic reaches the site's database: through the application's own engine."""

from alembic import context
from flask import current_app

from app.extensions import db

assert not context.is_offline_mode(), "migrations need the database: run `flask db upgrade`"

options = current_app.extensions["migrate"].configure_args
with db.engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        # SQLite changes a table by copying and dropping it; what refers to its rows must stay.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    if connection.dialect.name in ("mysql", "mariadb"):
        # Left to themselves, some store neither emoji nor two names that differ by an accent.
        connection.exec_driver_sql("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        connection.commit()
    context.configure(connection=connection, target_metadata=db.metadata, **options)
    with context.begin_transaction():
        context.run_migrations()
