"""Events of a flow run at the Prefect server."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter, EventOccurredFilter


def event_occurred(client: SyncPrefectClient, run_id: UUID, events: EventNameFilter, since: datetime) -> bool:
    """Return True if an event of these names about a flow run has occurred since a time."""
    about = EventAnyResourceFilter(id=[f"prefect.flow-run.{run_id}"])
    wanted = EventFilter(event=events, any_resource=about, occurred=EventOccurredFilter(since=since))
    return bool(client.read_events(wanted, limit=1).events)
