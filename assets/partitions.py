"""The two dynamic partitions of the graph: one per film, one per delivered annotation batch."""

import dagster as dg

films = dg.DynamicPartitionsDefinition(name="films")
annotation_batch_keys = dg.DynamicPartitionsDefinition(name="annotation_batches")
