"""Commands on jobs: start them, wait for them, list them, follow their logs, stop them."""
