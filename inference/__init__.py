"""Prompts in, token streams out: continuous batching over llama.cpp. Knows nothing of documents.

Start with `inference.service.InferenceService`, or `inference.supervised.SupervisedService`, which
runs the engine in a process of its own; `inference.request` holds the data it speaks.
"""
