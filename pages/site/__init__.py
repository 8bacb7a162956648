"""The films as a site: a library, a page for each film, and two films beside each other, served by the service or written as files.

Served and exported pages are the same text; only where their links lead differs (`pages.site.places`). What may be shown is decided in one
place (`pages.site.shelf`) by the catalogue as it is now, not as it was when a page was made.
"""
