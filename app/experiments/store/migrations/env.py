"""What alembic runs to apply revisions: on the connection, in the transaction, of the caller."""

from alembic import context

from app.experiments.store.migrating import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
