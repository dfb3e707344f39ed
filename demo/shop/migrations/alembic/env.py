"""Alembic's own entry: one connection, to the database that DATABASE_URL names."""

import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import create_engine, pool

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}

fileConfig(str(context.config.config_file_name))
scheme, rest = os.environ["DATABASE_URL"].split("://", 1)
engine = create_engine(f"{DRIVERS[scheme]}://{rest}", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
