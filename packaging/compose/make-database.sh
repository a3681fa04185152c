#!/bin/sh
# Makes the role and the database that postroom works with; PostgreSQL's image runs it when its volume is empty.
#
# An ordinary role: row level security binds no superuser, and postroom refuses to start as one.
set -eu

psql --username "${POSTGRES_USER:-postgres}" --set ON_ERROR_STOP=1 --set "password=$POSTROOM_DB_PASSWORD" <<'SQL'
CREATE ROLE postroom LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE postroom OWNER postroom;
SQL
