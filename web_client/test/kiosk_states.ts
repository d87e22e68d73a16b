// States of the touchscreen for its tests: made by hand, whole.
import type { CallQuality, Encounter, GuestView, Instrument, KioskState, Reading, Uplink } from "../src/protocol/types";

export const AT = "2026-03-10T09:00:00Z";

export function reading(id: string, more: Partial<Reading> = {}): Reading {
  return {
    reading_id: id, kind: "blood_pressure", received_at: AT, taken_at: AT, device_time: "", clock_offset_s: null, user: null, record: null, context: [], flags: [], recording: "",
    error: null, raw: "", quantities: [],
    device: { device_id: "cuff-1", kind: "blood_pressure", maker: "", model: "", serial: "", firmware: "", simulated: false },
    ...more,
  };
}

export function encounter(more: Partial<Encounter> = {}): Encounter {
  return {
    encounter_id: "e1", reason: "heart", urgency: "routine", reason_words: "", opened_at: AT, stage: "ready", place: null, doctors: null,
    doctor: "", doctor_speciality: "", call_since: null, readings: [], stills: [], waveforms: [], prescriptions: [], unacknowledged: 0,
    call_code: null, quality: null, guests: [],
    patient: {
      anonymous: true, family_name: "", given_name: "", birth_date: "", sex: "unknown", birth_place: "", ins: "", ins_oid: "", qualified: false,
    },
    ...more,
  };
}

export function state(more: Partial<KioskState> = {}): KioskState {
  return {
    type: "state", revision: 1, now: AT, release: "0", demo: false,
    vehicle: { vehicle_id: "v", name: "Bus", territory: "", simulated: false, certificate: "" },
    link: { relay: "online", since: AT, operator: "", round_trip_ms: null, uplinks: [] }, power: { source: "mains", percent: null },
    nurse: { nurse_id: "n1", name: "N" }, nurses: [], outbox: 0, problems: [], camera: null, microphone: false, instruments: [], cuff: null,
    review: null, encounter: null, tray: [], pairing: null, passkey: null, shown: null, listening: null, beside: false, microphone_muted: false, microphone_code: null, voice_kbps: 24, unfinished: [], ...more,
  };
}

export function quality(more: Partial<CallQuality> = {}): CallQuality {
  return {
    voice: "good", picture: "good", code: null, target_kbps: 1500, picture_kbps: 1000, sent_kbps: 1040, lines: 720, frames_per_second: 30, loss_percent: 0,
    round_trip_ms: 50, queue_ms: 0, keyframes: 1, freezes: 0, outages: 0, interface: "wwan0", relayed: false, seen: null, ...more,
  };
}

export function uplink(name: string, more: Partial<Uplink> = {}): Uplink {
  return { name, operator: "", state: "answering", in_use: false, relayed: false, round_trip_ms: null, ...more };
}

export function guest(state: GuestView["state"], name = "Mme Karam"): GuestView {
  return { guest: { guest_id: `g-${name}`, role: "interpreter", name }, state, since: null };
}

export function instrument(more: Partial<Instrument> = {}): Instrument {
  return {
    number: 1, instrument_id: "cuff-1", kind: "blood_pressure", name: "", state: "ready", problem: null, simulated: false, battery: null, live: [], device_id: "", streams: false, request: null, ...more,
  };
}
