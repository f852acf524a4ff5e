"""Find data by a query and mark them with a tag, so that the next step finds them at once.

The run's parameter comes from `DATALAKE_TAG` unless it is given.
"""

from __future__ import annotations

import os

from prefect import flow

from prefect_tasks import list_data, tag_data


@flow
def tag_by_query(tag: str = os.environ.get("DATALAKE_TAG", "ingested")) -> int:
    """Mark the JPEG files of a tag as validated, and the ten newest of them as new."""
    tag_data("datalake", tags=tag, q='content_type = "image/jpeg"', add=["validated"])
    newest = list_data("datalake", tags="validated", order_by=["-created_at"], limit=10)
    return tag_data("datalake", newest, add="new")


if __name__ == "__main__":
    tag_by_query()
