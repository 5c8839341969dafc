"""Prompts in, token streams out: continuous batching over llama.cpp. Knows nothing of documents.

Start with `inference.service.InferenceService`; `inference.request` holds the data it speaks.
"""
