"""The edges: command line, HTTP API, page. Everything they do, they do through `rag.Library`."""
