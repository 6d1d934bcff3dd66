"""Archive of scored payments and dead letters: read from Kafka, stored once each in a database."""

import logging

# alembic logs four lines per upgrade and one per plugin at import: set the level before it is imported
logging.getLogger("alembic").setLevel(logging.WARNING)
