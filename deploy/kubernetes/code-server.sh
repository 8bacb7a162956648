#!/usr/bin/env bash
# Dagster's code server, with FEELM_COMPUTE=ray beside a raylet that joins the cluster and offers it no CPU: a driver of Ray must run on a machine
# of the cluster. Where either ends, both end, so that what watches the container starts them again.
set -euo pipefail
# Job control: without it children ignore SIGINT, and a Dagster that inherits that ignores SIGTERM too.
set -m

if [ "${FEELM_COMPUTE:-local}" = ray ]; then
    ray start --address="${RAY_ADDRESS:?where the head of the cluster is}" --num-cpus=0 --num-gpus=0 --disable-usage-stats --block &
fi
dagster code-server start --host "${FEELM_CODE_HOST:-0.0.0.0}" --port "${FEELM_CODE_PORT:-4000}" --module-name orchestration.definitions &
end() {
    trap - EXIT TERM INT
    # shellcheck disable=SC2046 # one word a process
    kill $(jobs -p) 2>/dev/null || true
    wait
}
trap end EXIT
trap 'end; exit 143' TERM INT
wait -n
