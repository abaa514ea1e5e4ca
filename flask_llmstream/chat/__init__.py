"""The chat endpoints: their routes, their models, and requests from other sites."""
