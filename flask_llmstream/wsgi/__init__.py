"""PEP 3333: the body, the headers, the middleware."""
