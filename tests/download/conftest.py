"""The lake of the uploads' tests, which the downloads read."""

from tests.upload.conftest import lake

__all__ = ["lake"]
