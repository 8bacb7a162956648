"""The pages that the service itself shows to people: one HTML file each, with script and style beside it and nothing from elsewhere."""
