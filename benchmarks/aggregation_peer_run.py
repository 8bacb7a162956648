"""Run by crowd-kit's own Python: aggregate votes and write labels, CPU seconds and faults; knows nothing of the project.

`python aggregation_peer_run.py VOTES.csv OUT.json NAME=ARGUMENTS ...`, where VOTES has the columns task, worker, label and ARGUMENTS are
JSON, such as MACE={"n_restarts": 1}.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from crowdkit import aggregation


def main() -> None:
    """Run the aggregators named in the arguments."""
    votes, out, *wanted = sys.argv[1:]
    table = pd.read_csv(votes)
    results = {}
    for text in wanted:
        name, arguments = text.split("=", 1)
        results[name] = run(getattr(aggregation, name), json.loads(arguments), table)
    Path(out).write_text(json.dumps(results))


def run(aggregator: Callable[..., Any], arguments: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """The aggregator's labels by task and its CPU seconds, or its fault."""
    before = time.process_time()
    try:
        labels = aggregator(**arguments).fit_predict(table)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        return {"fault": f"{type(error).__name__}: {error}"}
    seconds = time.process_time() - before
    return {"labels": {str(task): int(label) for task, label in labels.items()}, "seconds": seconds}


if __name__ == "__main__":
    main()
