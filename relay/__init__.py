"""The server everybody can reach: signalling, hand-over of prescriptions, identities, the fleet.

Imports `protocol` only.
"""
