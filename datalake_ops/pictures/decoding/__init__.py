"""Decoding of pictures to be shown or judged: memory, deep samples and their scale, colours, transparency."""
