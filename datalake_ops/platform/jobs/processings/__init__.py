"""Processings: launch checks, admission by processors and GPUs, and supervised programs."""
