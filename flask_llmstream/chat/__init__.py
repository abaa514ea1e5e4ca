"""The chat endpoints: how their requests are read, limited and answered."""
