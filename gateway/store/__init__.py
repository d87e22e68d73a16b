"""The vehicle's durable memory: encounters, events, waveforms, stills, papers, the kiosk's sessions.

The only importer of sqlite3. `session`, `printing`, `kiosk` and `app` may import it; it imports `protocol` alone.
"""

from .errors import StoreConflict, StoreError
from .store import Store

__all__ = ["Store", "StoreConflict", "StoreError"]
