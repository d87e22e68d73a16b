"""Prescriptions: legal mentions, the page as PDF/A, the doctor's PAdES signature, delivery and states.

`relay.app` mounts `http.routes`; `relay.signalling` hands progress to `service`. Nobody else imports it.
"""
