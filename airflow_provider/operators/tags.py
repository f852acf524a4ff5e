"""Operators on tags: make them, list them, put them on data, take them away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.lineage.record import LineageRecord, as_names
from airflow_provider.operators.abstract.asset_events import LineageOperator
from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.fields import REQUIRED_NAME, REQUIRED_TEXT, TEXTS, whole
from airflow_provider.operators.abstract.selection import DataChoiceOperator
from datalake_ops.errors import ConfigurationError, NoDataError

if TYPE_CHECKING:
    from airflow.sdk import Context


class TagDataOperator(DataChoiceOperator, LineageOperator, DatalakeOperator):
    """Puts tags on data and takes others away; returns how many data it reached.

    Doing it twice changes nothing more. The data are given by `data_ids` or by filters.

    Example:
        >>> TagDataOperator(task_id="validate", tags=["incoming"], q="width > 1000", add="valid", remove="incoming")

    Args:
        add: Names of tags to put on; a missing tag is created (templated).
        remove: Names of tags to take away (templated).
        kwargs: `data_ids`, filters or `everything`, see `DataChoiceOperator`; `datalake_conn_id`; lineage, see
            `LineageOperator`.

    Raises:
        ConfigurationError: There is neither a tag to add nor one to remove.
        NoDataError: No data match the filters.
        NotFoundError: A tag to take away does not exist.
    """

    argument_fields = {"add": TEXTS, "remove": TEXTS}

    def __init__(
        self,
        *,
        add: str | list[str] | None = None,
        remove: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add = add
        self.remove = remove

    def empty_result(self) -> int:
        """No data were tagged."""
        return 0

    def work(self, context: Context) -> int:
        """Find the data, then change their tags."""
        if not self.add and not self.remove:
            if self.add is None and self.remove is None and not self._wired & {"add", "remove"}:
                raise ConfigurationError("TagDataOperator needs tags to `add` or to `remove`.")
            raise NoDataError("`add` and `remove` are empty: there is nothing to do.")
        self.require_choice()
        self.warn_of_default_tags()
        with self.lake(context) as lake:
            ids = self.chosen(lake)
            if self.add:
                lake.add_tags(ids, self.add)
            if self.remove:
                lake.remove_tags(ids, self.remove)
            uri = lake.lake_uri()
            self.log.info(
                "Added the tags %s to %d data and removed the tags %s: %s",
                self.add or [], len(ids), self.remove or [], lake.datalake_url(self.query_text),
            )  # fmt: skip
        facts = {"counts": {"DATA": len(ids)}, "removed_tags": list(as_names(self.remove))}
        self.record_lineage(context, LineageRecord(uri, as_names(self.add), count=len(ids), facts=facts))
        return len(ids)


class GetOrCreateDataTagOperator(DatalakeOperator):
    """Sees that the lake has a tag; returns its `id` and `name`.

    Example:
        >>> GetOrCreateDataTagOperator(task_id="tag", name="batch-{{ ds_nodash }}")

    Args:
        name: The tag's name (templated).
        kwargs: `datalake_conn_id`, see `DatalakeOperator`.
    """

    argument_fields = {"name": REQUIRED_NAME}

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.name = name

    def work(self, context: Context) -> dict[str, str]:
        """Look the tag up, and create it when it is missing."""
        with self.lake(context) as lake:
            tag = lake.get_or_create_data_tag(self.name)
        return {"id": str(tag.id), "name": tag.name}


class ListDataTagsOperator(DatalakeOperator):
    """Lists the lake's tags; returns their names, which a task can be mapped over.

    Example:
        >>> batches = ListDataTagsOperator(task_id="tags", prefix="batch-")

    Args:
        prefix: Only tags whose names begin with this; all without it, none where it is empty (templated).
        order_by: Field names, `-` before one means descending (templated).
        limit, offset: At most this many, from this one on (templated).
        max_tags: How many names the answer may hold, which is an XCom (templated).
        kwargs: `datalake_conn_id`, see `DatalakeOperator`.

    Raises:
        NoDataError: `prefix` or `limit` is empty; see `on_empty`.
        ConfigurationError: More tags match than `max_tags`.
    """

    argument_fields = {
        "prefix": REQUIRED_TEXT,
        "order_by": TEXTS,
        "limit": whole(1, is_required=True),
        "offset": whole(0, is_decisive=True),
        "max_tags": whole(1),
    }

    def __init__(
        self,
        *,
        prefix: str | None = None,
        order_by: str | list[str] | None = None,
        limit: int | str | None = None,
        offset: int | str | None = None,
        max_tags: int | str = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix
        self.order_by: Any = order_by
        self.limit: Any = limit
        self.offset: Any = offset
        self.max_tags: Any = max_tags

    def empty_result(self) -> list[str]:
        """No names: mapped tasks are skipped."""
        return []

    def work(self, context: Context) -> list[str]:
        """Ask the lake."""
        with self.lake(context) as lake:
            tags = lake.list_data_tags(self.limit, self.offset, self.order_by)
        names = [tag.name for tag in tags if tag.name.startswith(self.prefix or "")]
        if len(names) > self.max_tags:
            raise ConfigurationError(
                f"{len(names)} tags match, and an XCom takes max_tags={self.max_tags}: give a longer prefix or a limit."
            )
        return names
