"""End of a flow run that had nothing to do."""

# No postponed annotations here: a served flow travels pickled, and leaves behind what only an annotation names.
from typing import Any, cast

from prefect.states import Completed

from datalake_ops.arguments import OnEmpty
from prefect_tasks.runs.datalake_task import SKIPPED


def empty_end(on_empty: OnEmpty, result: dict[str, Any] | None = None) -> dict[str, Any]:
    """The value to return from a flow after its tasks had nothing to do: the result, or a state named Skipped with it.

    With "fail" a flow does not come here: its task has raised `NoDataError`.
    """
    # Prefect makes the result of the state that of the flow.
    state: Any = Completed(name=SKIPPED, message="There was nothing to do.", data=result)
    return cast("dict[str, Any]", result if on_empty == "succeed" else state)
