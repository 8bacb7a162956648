#!/usr/bin/env bash
# Write both databases and the home into a folder: backup.sh FOLDER [databases | home]. Run it where compose.yaml lies, with no run in progress.
set -euo pipefail
folder=${1:?a folder to write to}
part=${2:-both} # in Kubernetes each part has a container of its own, databases first: the home then holds every file that they speak of
# How the programs are reached; without containers: IN_POSTGRES='' IN_HOME=''.
in_postgres=${IN_POSTGRES-docker compose exec -T postgres}
in_home=${IN_HOME-docker compose run --rm --no-deps -T prepare}
home=${FEELM_HOME:-/srv/feelm/.feelm}
user=${FEELM_PG_USER:-feelm}

mkdir -p "$folder"
if [ "$part" != home ]; then
    $in_postgres pg_dump --format custom --username "$user" --dbname "${FEELM_PG_DAGSTER_DB:-dagster}" >"$folder/dagster.dump"
    $in_postgres pg_dump --format custom --username "$user" --dbname "${FEELM_PG_MLFLOW_DB:-mlflow}" >"$folder/mlflow.dump"
fi
if [ "$part" != databases ]; then
    # With what lies beside the home: settings, DVC's list and its cache.
    $in_home tar --create --directory "$(dirname "$home")" . >"$folder/home.tar"
fi
