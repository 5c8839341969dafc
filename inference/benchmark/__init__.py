"""How fast models are served here, beside other servers of the same kernels.

`workloads` makes the requests, `systems` are what serves them, `run` alternates and measures.
"""
