"""The HTTP API: OpenAI-compatible under /v1, Paperlight's own under /api, and the machine's."""
