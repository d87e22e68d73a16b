"""Caps that both ends of a wire know, each with its reason."""

SIGNALLING_MESSAGE_BYTES = 64 * 1024
"""An SDP with three m-lines and 30 candidates is about 8 KiB; eight times that is never needed."""

SIGNALLING_RATE_PER_SECOND = 40
"""Sustained messages per second of one socket: a call's set-up is about 60 messages in all."""

SIGNALLING_BURST = 120
"""A page that comes back sends its state and its candidates at once."""

SIGNALLING_BACKLOG = 256
"""Messages the relay keeps for an absent client; past it the client starts from a snapshot."""

SIGNALLING_RESUME_SECONDS = 120
"""How long a session waits for its client: a tunnel, a modem reset."""

CHANNEL_MESSAGE_BYTES = 64 * 1024
"""Largest JSON message on a data channel; Chromium and aiortc both carry 256 KiB."""

BULK_PART_BYTES = 16 * 1024
"""Payload of one part of a still: small enough to leave room between parts for what is live."""

STILL_BYTES = 12 * 1024 * 1024
"""A 12-megapixel JPEG at 8:1."""

WAVEFORM_CHUNK_SAMPLES = 4096
"""Samples of one lead in one chunk: four seconds at 1 kHz; drivers send 0.1 s."""

PRESCRIPTION_PDF_BYTES = 2 * 1024 * 1024
"""A laid-out page with its embedded fonts is about 60 KiB."""

PRESCRIPTION_LINES = 20
"""More lines than one prescription has; past it the doctor writes a second one."""
