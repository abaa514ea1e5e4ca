"""The stream objects of the SDKs of OpenAI and Anthropic as deltas; the SDKs are not imported."""
