"""Abstract operators: their arguments, retries, cancellation and links are those of every operator."""
