"""What Prefect's server has heard of a flow run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter, EventOccurredFilter


def event_occurred(client: SyncPrefectClient, run_id: UUID, events: EventNameFilter, since: datetime) -> bool:
    """Whether an event of these names that is about a flow run has occurred since a time."""
    about = EventAnyResourceFilter(id=[f"prefect.flow-run.{run_id}"])
    wanted = EventFilter(event=events, any_resource=about, occurred=EventOccurredFilter(since=since))
    return bool(client.read_events(wanted, limit=1).events)
