"""The Python client: from saccade.client import Client. Importing it loads no model code and no engine."""

from saccade.serving.client import Client
from saccade.serving.transport import Answer

__all__ = ["Answer", "Client"]
