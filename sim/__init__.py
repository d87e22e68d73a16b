"""A vehicle without hardware: patient, instruments on real wire protocols, cameras, doctors.

Imports `protocol` only; used by the demo, by training and by tests. Everything here says it is simulated.
"""
