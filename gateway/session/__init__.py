"""One consultation: its states, the wrong-patient guard, the peers of its call, the data channels, resume.

Sits above store, media, peripherals and printing, which it meets through Protocols; `app` and `kiosk` import it.
"""
