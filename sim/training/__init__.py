"""Ready lessons with the simulated instruments, and the player of `passerelle-sim script`.

Imports nothing of ours but the control server's client; used by the command line and by tests.
"""
