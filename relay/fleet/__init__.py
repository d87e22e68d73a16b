"""Device and doctor certificates, enrolment, the registry of vehicles, what IT support sees of them.

`relay.app` mounts `http.routes`; `relay.signalling` asks `registry` who may connect. Nobody else imports it.
"""
