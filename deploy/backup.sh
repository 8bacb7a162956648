#!/usr/bin/env bash
# Write both databases and the home into a folder: backup.sh FOLDER. Run it where compose.yaml lies, with no run in progress.
set -euo pipefail
folder=${1:?a folder to write to}
# How the programs are reached; without containers: IN_POSTGRES='' IN_HOME=''.
in_postgres=${IN_POSTGRES-docker compose exec -T postgres}
in_home=${IN_HOME-docker compose run --rm --no-deps -T prepare}
home=${FEELM_HOME:-/srv/feelm/.feelm}
user=${FEELM_PG_USER:-feelm}

mkdir -p "$folder"
$in_postgres pg_dump --format custom --username "$user" --dbname "${FEELM_PG_DAGSTER_DB:-dagster}" >"$folder/dagster.dump"
$in_postgres pg_dump --format custom --username "$user" --dbname "${FEELM_PG_MLFLOW_DB:-mlflow}" >"$folder/mlflow.dump"
# With what lies beside the home: settings, DVC's list and its cache.
$in_home tar --create --directory "$(dirname "$home")" . >"$folder/home.tar"
