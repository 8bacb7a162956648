"""A film's rights in words for people."""

RIGHTS = {
    "public_domain": "Public domain",
    "cc0": "CC0",
    "cc_by": "CC BY",
    "licensed": "Licensed",
    "research_exception": "Research exception",
    "unknown": "Rights unknown",
}
