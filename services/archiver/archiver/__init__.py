"""The archive: scored payments and dead letters from Kafka into a database, each once."""

import logging

# alembic logs four lines for each upgrade, and one for each plugin when it is imported: the level is set before that
logging.getLogger("alembic").setLevel(logging.WARNING)
