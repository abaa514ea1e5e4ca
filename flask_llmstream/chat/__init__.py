"""The chat endpoints: their routes, and how a request is read and limited."""
