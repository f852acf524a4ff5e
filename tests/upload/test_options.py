"""The options of an upload are the arguments of the hook's verbs, in one value."""

from __future__ import annotations

from dataclasses import fields
from inspect import Parameter, signature
from typing import Any

import pytest

from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.hook.awaiting import AsyncDatalakeHook
from datalake_ops.upload.options import UploadOptions


def arguments_of(verb: Any) -> dict[str, Parameter]:
    return {name: one for name, one in signature(verb).parameters.items() if name not in ("self", "filepaths")}


def test_the_options_are_the_arguments_of_the_hook_with_their_defaults() -> None:
    arguments = arguments_of(DatalakeHook.upload)

    assert [one.name for one in fields(UploadOptions)] == list(arguments)
    assert UploadOptions().arguments() == {name: one.default for name, one in arguments.items()}


def test_the_awaitable_hook_takes_the_same_arguments() -> None:
    assert arguments_of(AsyncDatalakeHook.upload) == arguments_of(DatalakeHook.upload)


def test_the_arguments_of_the_official_sdk_are_options_too() -> None:
    renamed = {"wait_for_unprocessable_data", "error_manager"}

    assert set(arguments_of(DatalakeHook.upload_data)) - renamed <= set(arguments_of(DatalakeHook.upload))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"if_exists": "replace"}, "if_exists is skip, upload or error"),
        ({"content_key": ""}, "content_key has 1 to 255 characters"),
        ({"max_workers": 0}, "max_workers must be at least 1"),
        ({"raise_on": "some"}, "raise_on is never, any or all"),
        ({"max_failed": 1.5}, "max_failed is a number of files"),
    ],
)
def test_an_impossible_option_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        UploadOptions(**wrong)


def test_no_option_shows_the_secrets_of_a_storage() -> None:
    assert "hunter2" not in repr(UploadOptions(storage_options={"secret": "hunter2"}))
