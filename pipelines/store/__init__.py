"""Panels larger than memory: on disk, some series at a time."""

from pipelines.store.files import is_store
from pipelines.store.folder import check_free, fresh_folder
from pipelines.store.panel_store import PanelStore

__all__ = ["PanelStore", "check_free", "fresh_folder", "is_store"]
