"""Run migrations on the connection that `services.kernel.migrate` opened, inside its transaction."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    transactional_ddl=False,
    render_as_batch=True,
)
context.run_migrations()
