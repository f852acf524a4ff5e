"""Decoding of pictures for analysis: memory, deep samples and their scale, colours, transparency."""
