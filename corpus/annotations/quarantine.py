"""Takes a refused delivery out of quarantine by name, and back into it.

A batch that the checks refused waits until its file is replaced. Where nobody will mend it, it is rejected: the record lies beside the
file and is about that content alone, so that a mended file of the same name is judged like any other. Nothing is deleted.
"""

from __future__ import annotations

from corpus.annotations.batches import InboxFile, scan_inbox
from corpus.annotations.decisions import read_decision, read_decisions
from corpus.annotations.sidecars import Rejection, read_rejection, rejection_path, write_rejection
from corpus.paths import Home
from corpus.terms import FeelmError


def reject(home: Home, name: str, rejection: Rejection) -> InboxFile:
    """Reject the refused batch of that id or file name as it lies in the inbox; a second rejection replaces the first.

    Raises:
        FeelmError: there is no such batch, its file is gone, it was not judged yet, or it is accepted.
    """
    item = delivered(home, name)
    decision = read_decision(home.batch(item.batch_id))
    if decision is None:
        raise FeelmError(f"{item.path.name} was not checked yet: `feelm run` checks it, and what it refuses can be rejected")
    if decision.accepted:
        raise FeelmError(
            f"batch {item.batch_id} is accepted and in use, and only what the checks refused can be rejected: "
            f"to take judgements back, import a mended file as {item.path.name}"
        )
    write_rejection(item.path, rejection)
    return item


def readmit(home: Home, name: str) -> InboxFile:
    """Take back the rejection of a batch, so that it is judged again.

    Raises:
        FeelmError: there is no such batch, or it is not rejected.
    """
    item = delivered(home, name)
    if read_rejection(item.path) is None:
        raise FeelmError(f"batch {item.batch_id} is not rejected, so there is nothing to undo")
    rejection_path(item.path).unlink()
    return item


def delivered(home: Home, name: str) -> InboxFile:
    """The file in the inbox of that name or batch id.

    Raises:
        FeelmError: there is none; the message names the batches that wait.
    """
    inbox = scan_inbox(home)
    for item in inbox:
        if name in (item.path.name, item.batch_id):
            return item
    decisions = {decision.batch_id: decision for decision in read_decisions(home)}
    if name in decisions:
        raise FeelmError(f"the file of batch {name} is not in {home.inbox} any more, so it waits for nothing")
    refused = {batch_id for batch_id, decision in decisions.items() if decision.verdict == "refused"}
    waiting = [item.batch_id for item in inbox if item.batch_id in refused]
    raise FeelmError(f"no batch {name!r} in {home.inbox}; waiting in quarantine: {', '.join(waiting) or 'none'}")
