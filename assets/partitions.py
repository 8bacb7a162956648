"""The two dynamic partitions of the graph: one per film, one per delivered annotation batch."""

import dagster as dg

from assets.chain import Scope

films = dg.DynamicPartitionsDefinition(name="films")
annotation_batch_keys = dg.DynamicPartitionsDefinition(name="annotation_batches")

PARTITIONS = {Scope.FILM: films, Scope.BATCH: annotation_batch_keys}
"""By what one run of a link is about; links of corpora and of the whole have none."""
