"""Serialization of jobs for the wire, with the context that programs read from their own job."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from sqlalchemy import Row

from datalake_ops.platform.objects.names import payload_name
from datalake_ops.platform.objects.object_store import PLATFORM
from datalake_ops.platform.services import base_url, services
from datalake_ops.wire.jobs import JobKind, JobStatus

# The first generation has no status for waiting, and another word for a kill.
_FIRST_WORDS = {
    JobStatus.SUCCEEDED: JobStatus.SUCCESS,
    JobStatus.FAILED: JobStatus.FAILED,
    JobStatus.KILLED: JobStatus.TERMINATED,
}


def serialize_job(row: Row[Any], request: Request) -> dict[str, Any]:
    """Serialize a job; a processing's job also has its context, in the keys of current and previous programs."""
    shape = {
        "id": row.id,
        "status": row.status,
        "type": row.kind,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "exit_code": row.exit_code,
        "reason": row.reason,
        "counts": row.counts,
        "labels": row.labels,
    }
    return {**shape, **_context(row, request)} if row.kind == JobKind.PROCESSING.value else shape


def serialize_job_v1(row: Row[Any]) -> dict[str, Any]:
    """Serialize a job with the status words of the first API generation."""
    return {"id": row.id, "status": _FIRST_WORDS.get(JobStatus(row.status), JobStatus.RUNNING).value}


def _context(row: Row[Any], request: Request) -> dict[str, Any]:
    request_body = row.request
    objects = services(request).objects
    payload = objects.download_address(PLATFORM, payload_name(row.id), base_url(request))
    return {
        "type": request_body["type"] or row.kind,
        "processing_job": {
            "processing_id": row.processing_id,
            "target_id": request_body["target_id"],
            "parameters": request_body["parameters"],
            "inputs": request_body["inputs"],
            "payload_presigned_url": payload,
        },
        "datalake_processing_job": {
            "input_datalake_id": request_body["target_id"],
            "output_datalake_id": request_body["output_datalake_id"],
            "model_version_id": request_body["model_version_id"],
            "parameters": request_body["parameters"],
            "payload_presigned_url": payload,
        },
    }
