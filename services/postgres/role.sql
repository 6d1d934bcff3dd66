-- Run once, by the image, as the superuser of a new volume, before the server listens on the network.
SET log_min_error_statement = panic; -- otherwise a failing statement would be logged with its password
-- First, so that after a failure below no role can log in over the network.
ALTER ROLE CURRENT_USER PASSWORD NULL;

\getenv role ARCHIVE_ROLE
\getenv password POSTGRES_PASSWORD
SELECT current_database() AS database \gset
CREATE ROLE :"role" LOGIN PASSWORD :'password';
ALTER DATABASE :"database" OWNER TO :"role";
