#!/usr/bin/env bash
# Put back what backup.sh wrote: restore.sh FOLDER [databases | home]. Both databases and the home become as they were; what came after is gone.
set -euo pipefail
folder=${1:?the folder of a backup}
part=${2:-both}
in_postgres=${IN_POSTGRES-docker compose exec -T postgres}
in_home=${IN_HOME-docker compose run --rm --no-deps -T prepare}
home=${FEELM_HOME:-/srv/feelm/.feelm}
user=${FEELM_PG_USER:-feelm}

for file in dagster.dump mlflow.dump home.tar; do
    [ -s "$folder/$file" ] || { echo "restore: $folder/$file is missing or empty: this is no whole backup" >&2; exit 1; }
done
if [ -n "$in_postgres" ]; then
    docker compose stop proxy webserver daemon mlflow code
fi
if [ "$part" != home ]; then
    # The whole database is made anew: tables that a newer version added would stand in the way of its next upgrade.
    for dump in dagster.dump mlflow.dump; do
        $in_postgres pg_restore --clean --create --if-exists --no-owner --exit-on-error --username "$user" --dbname postgres <"$folder/$dump"
    done
fi
if [ "$part" != databases ]; then
    $in_home find "$(dirname "$home")" -mindepth 1 -delete
    $in_home tar --extract --directory "$(dirname "$home")" <"$folder/home.tar"
fi
if [ -n "$in_postgres" ]; then
    docker compose up --detach --wait
fi
