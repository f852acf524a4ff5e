"""Pictures as the client, the platform and the processings read them: one set of decoders, limits and verdicts."""
