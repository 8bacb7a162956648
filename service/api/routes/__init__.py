"""The routes, one module each: a `router`, and `UPLOADS` where some of its paths take large bodies. What lies here is served."""
