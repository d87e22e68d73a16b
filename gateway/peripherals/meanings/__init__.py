"""What frames mean in the clinic: codes, units, plausibility, and what is not a patient's result (I3).

Pure; one module per family of profiles. Imported by `meaning` and `decoding` of this package only.
"""
