"""Who is who in a film: face tracks of one person brought together by appearance, and named by who speaks.

A face descriptor (`identity`) and colours against the skin (`likeness`) say how alike two tracks are, `grouping` makes persons of them;
`find_people` joins them to the characters through their speaking turns.
"""

from ml.features.people.find import People, find_people, write_people

__all__ = ["People", "find_people", "write_people"]
