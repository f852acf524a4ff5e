"""Uploads from a browser: forms with several files, and the registration of what they brought."""
