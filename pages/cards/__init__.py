"""The model's and the data set's cards, and the data set's description for programs (Croissant)."""
