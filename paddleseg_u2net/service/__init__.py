"""Pictures without their background over HTTP, and the page that asks for them."""

from paddleseg_u2net.service.app import create_app
from paddleseg_u2net.service.settings import Settings

__all__ = ["Settings", "create_app"]
