"""Documents in, index out. Knows nothing of questions, prompts or models that write."""
