"""llama.cpp, one file for each part of it; nothing outside this folder touches it.

A model, one context, and the calls the engine needs. Knows nothing of requests, schedules or
caches. Everything here belongs to one thread, except `Tokenizer`, which only reads the vocabulary
and may be used from any thread.

llama.cpp aborts the whole process on some misuse (a batch longer than n_batch, more outputs than
were reserved, a sequence id out of range). Those asserts cannot be caught, so every call that can
meet one is guarded here and raises `ValueError` instead.
"""
