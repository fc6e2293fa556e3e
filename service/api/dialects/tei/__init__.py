"""Text Embeddings Inference, for one model at a time: the default, or that of `?model=`.

As https://huggingface.github.io/text-embeddings-inference defines it. What a model of another
task is asked is 424, as there.
"""
