"""The command line of IT support; speaks to the relay over HTTP.

Imports `protocol` only.
"""
