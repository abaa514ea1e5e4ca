"""The descriptions of the protocols that are OpenAI's, and of what protocols have in common."""
