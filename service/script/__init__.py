"""Content creation: a scene is read, heard line by line, and moved towards what its author is after; the text stays theirs."""
