"""A page, and JSON for programs, that answer from a gallery who is seen in a picture."""
