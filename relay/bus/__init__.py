"""What one part of the relay tells the others: in-process now, a broker behind the same interface at scale.

Correctness never depends on it: whoever missed a message starts from the database.
"""

from .in_process import Bus, InProcessBus
from .messages import AccountEnded, Message, TellDoctor, TellVehicle, VehicleChanged, VehicleRevoked

__all__ = ["AccountEnded", "Bus", "InProcessBus", "Message", "TellDoctor", "TellVehicle", "VehicleChanged",
           "VehicleRevoked"]
