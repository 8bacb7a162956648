#!/usr/bin/env bash
# Run once by Postgres' image on an empty volume, which makes Dagster's database itself.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set name="$MLFLOW_DB" <<<'CREATE DATABASE :"name"'
