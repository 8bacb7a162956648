"""A place elsewhere that an environment variable names: a folder of a store, and the server where it is not the provider's own.

Credentials are no part of an address, which is written down and shown: whoever connects reads them from the environment or from their own
files, as botocore does (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, profiles, roles of machines).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from corpus.terms import FeelmError

STORE, ENDPOINT = "FEELM_STORE", "FEELM_STORE_ENDPOINT"
"""Variables: the folder in which artifacts are kept (`s3://bucket/folder`, `file:///mnt/store`), the address of an S3-compatible server."""


@dataclass(frozen=True)
class Remote:
    """The URL of a folder, and the address of a server that speaks its protocol; None for the protocol's own."""

    url: str
    endpoint: str | None = None

    @classmethod
    def from_environment(cls, variable: str = STORE, endpoint: str = ENDPOINT) -> Remote | None:
        """What the variables name, None where the first is not set.

        Raises:
            FeelmError: the URL holds credentials; the message does not repeat them.
        """
        url = os.environ.get(variable)
        if not url:
            return None
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise FeelmError(
                f"{variable} holds credentials: give them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where they are looked for"
            )
        return cls(url.rstrip("/"), os.environ.get(endpoint) or None)
