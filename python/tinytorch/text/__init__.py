"""Older paths of tokenizers and embeddings."""
