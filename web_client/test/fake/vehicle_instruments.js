// What the fake vehicle has on board: instruments, readings of each kind, streams, stills.
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const now = () => new Date().toISOString();

export const device = (kind, maker, model) => ({ device_id: `dev-${kind}`, kind, maker, model, serial: "1", firmware: "1", simulated: true });

const instrument = (number, instrument_id, kind, name, state, more = {}) => ({ number, instrument_id, kind, name, state, problem: null, simulated: true, battery: null, live: [], request: null, device_id: `dev-${kind}`, streams: ["ecg", "ctg"].includes(kind), ...more });
export const INSTRUMENTS = [
  instrument(1, "cuff", "blood_pressure", "Tensiomètre", "asleep", { battery: 66 }),
  instrument(2, "ecg", "ecg", "Électrocardiographe", "measuring"),
  instrument(3, "skin", "skin_camera", "Caméra de peau", "ready"),
  instrument(4, "oximeter", "oximeter", "Oxymètre de pouls", "ready", { battery: 12 }),
  instrument(5, "thermometer", "thermometer", "Thermomètre auriculaire", "asleep"),
  instrument(6, "glucose", "glucose_meter", "Lecteur de glycémie", "failed", { problem: "radio.bond_needed" }),
  instrument(7, "scale", "scale", "Balance à impédance", "asleep"),
  instrument(8, "belt", "heart_rate_belt", "Ceinture cardiaque", "asleep"),
  instrument(9, "ctg", "ctg", "Cardiotocographe", "ready"),
  instrument(10, "otoscope", "otoscope", "Otoscope", "ready"),
  instrument(11, "ultrasound", "ultrasound", "Échographe", "failed", { problem: "camera.no_signal" }),
  instrument(12, "stethoscope", "stethoscope", "Stéthoscope électronique", "ready"),
];

/** LOINC, MDC, UCUM. */
const MEASURES = {
  systolic: ["8480-6", 150021, "mm[Hg]"],
  diastolic: ["8462-4", 150022, "mm[Hg]"],
  mean: ["8478-0", 150023, "mm[Hg]"],
  cuff: ["", 150300, "mm[Hg]"],
  pulse: ["8867-4", 149546, "/min"],
  saturation: ["2708-6", 150456, "%"],
  perfusion: ["", 150448, "%"],
  temperature: ["8310-5", 188428, "Cel"],
  glucose: ["2339-0", 160188, "mg/dL"],
  weight: ["29463-7", 188736, "kg"],
  height: ["8302-2", 188740, "m"],
  bmi: ["39156-5", 188752, "kg/m2"],
  fat: ["41982-0", 188748, "%"],
  water: ["", 188764, "kg"],
  muscle: ["73964-9", 188776, "kg"],
  metabolism: ["", 188768, "kJ"],
  impedance: ["", 188780, "Ohm"],
  rr: ["", 147240, "ms"],
};
/** A value is text; one that begins with `!` is the reason of its absence. */
export const quantity = (name, value) => {
  const [loinc, mdc, unit] = MEASURES[name.split(" ")[0]];
  return value.startsWith("!") ? { loinc, mdc, unit, value: null, absent: value.slice(1) } : { loinc, mdc, unit, value, absent: null };
};
const MAKERS = {
  blood_pressure: device("blood_pressure", "A&D", "UA-651BLE"),
  oximetry: device("oximeter", "Nonin", "3230"),
  temperature: device("thermometer", "Beurer", "FT95"),
  glucose: device("glucose_meter", "Roche", "Accu-Chek Guide"),
  weight: device("scale", "Beurer", "BF720"),
  body_composition: device("scale", "Beurer", "BF720"),
  heart_rate: device("heart_rate_belt", "Polar", "H10"),
  ecg_recording: device("ecg", "Schiller", "AT-102"),
  unreadable: device("glucose_meter", "Roche", "Accu-Chek Guide"),
};

export function readingOf(kind, values, more = {}) {
  const quantities = Object.entries(values).map(([name, value]) => quantity(name, value));
  return { reading_id: crypto.randomUUID(), kind, device: MAKERS[kind], received_at: now(), taken_at: now(), device_time: "", clock_offset_s: 0, user: null, record: null, context: [], flags: [], recording: "", error: null, raw: "", quantities, ...more };
}

export const beat = (t, lead) => {
  const p = ((t * 72) / 60) % 1;
  const bump = (at, width, high) => high * Math.exp(-(((p - at) / width) ** 2));
  const value = bump(0.2, 0.028, 0.14) - bump(0.353, 0.008, 0.1) + bump(0.37, 0.011, 1.15) - bump(0.392, 0.01, 0.24) + bump(0.62, 0.05, 0.28);
  return value * (lead === 0 ? 0.7 : 1.05);
};
const TWELVE = [131329, 131330, 131389, 131390, 131391, 131392, 131331, 131332, 131333, 131334, 131335, 131336];
const SIZES = [0.7, 1.05, 0.35, -0.85, 0.2, 0.7, -0.4, -0.2, 0.5, 1.2, 1.1, 0.8];
const LOST = -(2 ** 31);

export const STREAMS = {
  two: () => [
    { device: device("ecg", "ProtoCentral", "ADS1292R"), rate_hz: "250", scale: "0.005", unit: "mV", leads: [131329, 131330] },
    (n) => Array.from({ length: 50 }, (_, i) => Math.round(beat((n * 25 + (i >> 1)) / 250, i & 1) / 0.005)),
    100,
  ],
  /** `samples`: interleaved counts of 0.5 uV at 500 Hz of a real recording, played round and round. */
  twelve: (samples, cart = false) => [
    { device: cart ? MAKERS.ecg_recording : device("ecg", "", "ECG 12 dérivations"), rate_hz: "500", scale: "0.5", unit: "uV", leads: TWELVE },
    (n) =>
      Array.from({ length: 600 }, (_, i) => {
        if (samples !== undefined) return samples[(n * 600 + i) % samples.length];
        return Math.round((beat((n * 50 + Math.floor(i / 12)) / 500, 1) * SIZES[i % 12] * 1000) / 0.5);
      }),
    100,
  ],
  /** Four heart rates and eight activities a second; now and then the pen is lifted. */
  ctg: () => [
    { device: device("ctg", "GE", "Corometrics 170"), rate_hz: "1", scale: "1", unit: "1", leads: [...Array(4).fill(192715), ...Array(8).fill(192724)], lead_units: [...Array(4).fill("/min"), ...Array(8).fill("1")], lead_scales: Array(12).fill("1"), lost_count: LOST },
    (n) => {
      const wave = (t) => Math.max(0, Math.sin((t / 180) * 2 * Math.PI)) ** 4;
      const rates = Array.from({ length: 4 }, (_, i) => {
        const t = n + i / 4;
        if (t % 97 < 7) return LOST;
        return Math.round(138 + 5 * Math.sin(t / 2.1) + 4 * Math.sin(t / 5.7) - 34 * wave(t - 14) + 16 * Math.max(0, Math.sin(t / 61)) ** 6);
      });
      return [...rates, ...Array.from({ length: 8 }, (_, i) => Math.round(12 + 62 * wave(n + i / 8) + 2 * Math.sin(n + i)))];
    },
    1000,
  ],
};

export function chunkBytes(stream_id, number, columns, samples) {
  const view = new DataView(new ArrayBuffer(22 + 4 * samples.length));
  view.setUint8(0, 0x57);
  view.setUint8(1, 1);
  view.setUint16(2, columns, true);
  view.setUint32(4, stream_id, true);
  view.setUint32(8, number, true);
  view.setUint16(12, samples.length / columns, true);
  view.setFloat64(14, Date.now() / 1000, true);
  samples.forEach((sample, i) => view.setInt32(22 + 4 * i, sample, true));
  return view.buffer;
}

/** A drawn mole on drawn skin, with a scale of 10 mm where `pixel_mm` says so; `at` shifts it, `grown` makes it larger. */
export async function still(size, { grown = 1, at = 0, kind = "skin_camera", ...more }) {
  const draw = new OffscreenCanvas(size, size * 0.75);
  const brush = draw.getContext("2d");
  brush.fillStyle = kind === "skin_camera" ? "#d8a68a" : "#b98a6a";
  brush.fillRect(0, 0, size, size);
  for (let i = 0; i < 4000; i += 1) {
    brush.fillStyle = `rgb(${190 + Math.random() * 40} ${130 + Math.random() * 40} 110)`;
    brush.fillRect(Math.random() * size, Math.random() * size, 9, 9);
  }
  brush.fillStyle = "#5a2d1f";
  brush.beginPath();
  brush.ellipse(size / 2 + at, size * 0.37, (grown * size) / 9, (grown * size) / 11, 0.4, 0, 7);
  brush.fill();
  if (more.pixel_mm !== undefined) {
    brush.fillStyle = "#fff";
    brush.fillRect(size * 0.1, size * 0.66, 10 / Number(more.pixel_mm), size / 80);
  }
  const jpeg = new Uint8Array(await (await draw.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
  const small = new OffscreenCanvas(160, 120);
  small.getContext("2d").drawImage(draw, 0, 0, 160, 120);
  const thumbnail = b64(await (await small.convertToBlob({ type: "image/jpeg", quality: 0.6 })).arrayBuffer());
  const sha256 = [...new Uint8Array(await crypto.subtle.digest("SHA-256", jpeg))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const body = { still_id: crypto.randomUUID(), device: device(kind, "Passerelle", kind === "skin_camera" ? "Caméra de peau" : "Otoscope"), taken_at: now(), sha256, size: jpeg.length, width: size, height: size * 0.75, quality: "sharp", thumbnail, body_site: "", like: null, pixel_mm: null, ...more };
  return { body, jpeg };
}
