"""The query language of listings: text to tree, tree to SQL."""
