"""Verbs on data sources."""

from __future__ import annotations

from datalake_ops import arguments
from datalake_ops.client import sources as operations
from datalake_ops.errors import AmbiguousRequestError, NotFoundError, ResourceConflictError
from datalake_ops.hook.caller import LakeCaller
from datalake_ops.hook.verb_arguments import SourceLike, given_source
from datalake_ops.wire.sources import DataSource


class SourceVerbs(LakeCaller):
    """Create, find and list the organization's data sources."""

    def create_data_source(self, name: str) -> DataSource:
        """Create a data source.

        Raises:
            ArgumentError: the name is None or blank, or no name; nothing was sent.
            ResourceConflictError: there is one of that name; `get_or_create_data_source` takes either.
        """
        name = arguments.required_name("name", name, "write the name of a data source.")
        try:
            return self.send(operations.create_source(self._organization, name))
        except AmbiguousRequestError:
            return self.get_or_create_data_source(name)

    def get_data_source(self, name: str) -> DataSource:
        """The data source of that exact name.

        Raises:
            ArgumentError: the name is None or blank, or no name; nothing was sent.
            NotFoundError: the organization has none.
        """
        name = arguments.required_name("name", name, "write the name of a data source.")
        return self.send(operations.find_source(self._organization, name))

    def get_or_create_data_source(self, name: str) -> DataSource:
        """The data source of that name, created when missing; two callers that race get the same one.

        Raises:
            ArgumentError: the name is None or blank, or no name; nothing was sent.
        """
        name = arguments.required_name("name", name, "write the name of a data source.")
        try:
            return self.get_data_source(name)
        except NotFoundError:
            pass
        try:
            return self.send(operations.create_source(self._organization, name))
        except (ResourceConflictError, AmbiguousRequestError) as lost_race:
            try:
                return self.get_data_source(name)
            except NotFoundError:
                raise lost_race from None

    def list_data_sources(
        self, limit: int | None = None, offset: int | None = None, order_by: list[str] | None = None
    ) -> list[DataSource]:
        """The organization's data sources; all of them without a limit."""
        return self.send(operations.list_sources(self._organization, *arguments.window(limit, offset, order_by)))

    def _resolve_source(self, source: SourceLike | None) -> DataSource | None:
        named = given_source(source)
        return self.get_or_create_data_source(named) if isinstance(named, str) else named
