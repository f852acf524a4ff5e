"""Former path of `prefect_tasks.uploads.shared_folder`."""

from prefect_tasks.uploads.shared_folder import write_manifest

__all__ = ["write_manifest"]
