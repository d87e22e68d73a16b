// Generated from schema.json by `npm run types`. Do not edit.

export const VERSION = 1 as const;
export const SUBPROTOCOL = "passerelle.v1" as const;
export const CONTROL = "control" as const;
export const WAVEFORM = "waveform" as const;
export const BULK = "bulk" as const;
export const PART_MAGIC = 83 as const;
export const CHUNK_MAGIC = 87 as const;
export const PRESCRIPTION_STEPS = {"draft":["signed"],"signed":["arrived","refused"],"arrived":["printing","refused"],"refused":[],"printing":["print_ambiguous","print_failed","printed"],"print_ambiguous":["print_failed","printed"],"print_failed":["printing"],"printed":["handed_over"],"handed_over":[]} as const;
export const BULK_PART_BYTES = 16384 as const;
export const CHANNEL_MESSAGE_BYTES = 65536 as const;
export const PRESCRIPTION_LINES = 20 as const;
export const PRESCRIPTION_PDF_BYTES = 2097152 as const;
export const SIGNALLING_BACKLOG = 256 as const;
export const SIGNALLING_BURST = 120 as const;
export const SIGNALLING_MESSAGE_BYTES = 65536 as const;
export const SIGNALLING_RATE_PER_SECOND = 40 as const;
export const SIGNALLING_RESUME_SECONDS = 120 as const;
export const STILL_BYTES = 12582912 as const;
export const WAVEFORM_CHUNK_SAMPLES = 4096 as const;
