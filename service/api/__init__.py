"""Feelm over HTTP: the application, what guards it, and one module a route under `routes`.

A route's module has a `router`, and is found by being there. It asks for the `Service` (`service.api.state`), which holds the engine that
asks the champion, the jobs and the figures; it raises `Problem` or a FeelmError, and never thinks of keys, limits or request ids.
"""
