"""The asset checks of this graph: quality's factories applied to our assets and partitions."""

from collections.abc import Sequence

import dagster as dg

ALL_CHECKS: Sequence[dg.AssetChecksDefinition] = []
