"""Sources of files: folders, patterns, manifests, streams and remote storage, resolved to entries."""
