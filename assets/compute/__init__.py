"""Where the links of films are computed."""
