"""A fitting reply: a way of answering is chosen, candidates are written, and ranked by the reaction that the model foresees to each."""
