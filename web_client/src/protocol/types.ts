// Generated from schema.json by `npm run types`. Do not edit.

/**
 * Why there is no number (FHIR data-absent-reason; HL7 PHD guide, FLOATS).
 */
export type Absent = "error" | "negative-infinity" | "not-a-number" | "positive-infinity";
/**
 * Which end signs.
 */
export type Side = "doctor" | "vehicle";
/**
 * What the other side hears.
 */
export type VoiceGrade = "good" | "none" | "poor";
/**
 * What the other side sees of the vehicle's picture.
 */
export type PictureGrade = "good" | "none" | "paused" | "reduced";
/**
 * Where the patient goes next.
 */
export type Orientation = "advised" | "none" | "urgent";
export type ControlToDoctor = EventSent | Situation | WaveformHead | ChannelProblem | Beat | QualityTold;
/**
 * `unreadable`: bytes came that no decoder accepts; they are kept in `raw`.
 */
export type ReadingKind =
  | "blood_pressure"
  | "body_composition"
  | "ecg_recording"
  | "glucose"
  | "heart_rate"
  | "oximetry"
  | "temperature"
  | "unreadable"
  | "weight";
/**
 * What an instrument measures.
 */
export type InstrumentKind =
  | "blood_pressure"
  | "ctg"
  | "ecg"
  | "glucose_meter"
  | "heart_rate_belt"
  | "intraoral_camera"
  | "otoscope"
  | "oximeter"
  | "scale"
  | "skin_camera"
  | "stethoscope"
  | "thermometer"
  | "ultrasound";
/**
 * The judgement shown to the nurse before the patient leaves.
 */
export type StillQuality = "blurred" | "dark" | "glare" | "sharp";
/**
 * Administrative sex as the national identity service writes it.
 */
export type Sex = "female" | "male" | "unknown";
/**
 * Why the patient came, from the short list of the kiosk.
 */
export type Reason =
  | "chronic_follow_up"
  | "cough"
  | "fever"
  | "heart"
  | "other"
  | "pain"
  | "pregnancy"
  | "prevention"
  | "renewal"
  | "skin"
  | "wound";
/**
 * How soon the nurse thinks a doctor should look; it orders the queue and triages nothing.
 */
export type Urgency = "routine" | "soon" | "urgent";
/**
 * What an instrument does now.
 */
export type InstrumentState = "absent" | "asleep" | "done" | "failed" | "measuring" | "ready";
/**
 * Life of a doctor's request for a measurement.
 */
export type RequestState = "answered" | "asked" | "withdrawn";
/**
 * What the third person is there for.
 */
export type GuestRole = "interpreter" | "relative" | "specialist";
/**
 * Where the guest stands.
 */
export type GuestState = "away" | "connecting" | "invited" | "left" | "present";
export type ControlToVehicle =
  | Resume
  | EventAcknowledged
  | InstrumentRequested
  | InstrumentRequestWithdrawn
  | CameraWanted
  | ListenWanted
  | ChunksWanted
  | StillWanted
  | ChannelProblem
  | Beat
  | ReceptionTold
  | GuestInvited
  | GuestRemoved;
/**
 * Where the nurse is in the open encounter.
 */
export type Stage = "after" | "in_call" | "interrupted" | "ready" | "waiting";
/**
 * Life of a prescription. `refused`: the vehicle did not accept its bytes or its signer.
 */
export type PrescriptionState =
  | "arrived"
  | "draft"
  | "handed_over"
  | "print_ambiguous"
  | "print_failed"
  | "printed"
  | "printing"
  | "refused"
  | "signed";
/**
 * Where an encounter stands, as the relay needs to know it.
 */
export type EncounterPhase = "after" | "closed" | "in_call" | "waiting";
/**
 * Who speaks on a signalling socket.
 */
export type Role = "doctor" | "guest" | "vehicle";
export type KioskMessage = KioskState | LocalOffer | KioskReply;
/**
 * The signalling socket to the relay.
 */
export type RelayLink = "connecting" | "offline" | "online";
/**
 * One of the vehicle's ways out, as far as the call needs it.
 */
export type UplinkState = "answering" | "present" | "silent";
/**
 * What feeds the vehicle's PC, from /sys/class/power_supply.
 */
export type PowerSource = "battery" | "mains" | "unknown";
/**
 * Where the pairing of a new instrument is.
 */
export type PairingState = "failed" | "paired" | "pairing" | "searching";
/**
 * What an account may do.
 */
export type PersonKind = "doctor" | "it";

export interface Wire {
  Absent: Absent;
  AssignReading: AssignReading;
  Beat: Beat;
  Binding: Binding;
  CallAnswer: CallAnswer;
  CallAssigned: CallAssigned;
  CallCandidate: CallCandidate;
  CallGranted: CallGranted;
  CallLeft: CallLeft;
  CallOffer: CallOffer;
  CallQuality: CallQuality;
  CallRefused: CallRefused;
  CallRejoin: CallRejoin;
  CallSummary: CallSummary;
  CameraView: CameraView;
  CameraWanted: CameraWanted;
  CaptureStill: CaptureStill;
  CertificateIssued: CertificateIssued;
  CertificateRequest: CertificateRequest;
  ChannelProblem: ChannelProblem;
  ChoosePairing: ChoosePairing;
  ChunksWanted: ChunksWanted;
  CloseEncounter: CloseEncounter;
  ControlToDoctor: ControlToDoctor;
  ControlToVehicle: ControlToVehicle;
  CuffPressure: CuffPressure;
  Device: Device;
  Dismissed: Dismissed;
  DoctorCard: DoctorCard;
  DropStill: DropStill;
  Encounter: Encounter;
  EncounterPhase: EncounterPhase;
  EncounterState: EncounterState;
  EncounterSummary: EncounterSummary;
  EndPairing: EndPairing;
  Enrolled: Enrolled;
  Enrolment: Enrolment;
  EnterPasskey: EnterPasskey;
  EnterWaiting: EnterWaiting;
  ErrorBody: ErrorBody;
  Event: Event;
  EventAcknowledged: EventAcknowledged;
  EventSent: EventSent;
  ForgetInstrument: ForgetInstrument;
  FrameFromDoctor: FrameFromDoctor;
  FrameFromGuest: FrameFromGuest;
  FrameFromVehicle: FrameFromVehicle;
  FrameToDoctor: FrameToDoctor;
  FrameToGuest: FrameToGuest;
  FrameToVehicle: FrameToVehicle;
  GuestAnswer: GuestAnswer;
  GuestAway: GuestAway;
  GuestBinding: GuestBinding;
  GuestCandidate: GuestCandidate;
  GuestCard: GuestCard;
  GuestDoor: GuestDoor;
  GuestEntered: GuestEntered;
  GuestInvitation: GuestInvitation;
  GuestInvited: GuestInvited;
  GuestKnock: GuestKnock;
  GuestLeft: GuestLeft;
  GuestOffer: GuestOffer;
  GuestRefused: GuestRefused;
  GuestRejoin: GuestRejoin;
  GuestRemoved: GuestRemoved;
  GuestRole: GuestRole;
  GuestState: GuestState;
  GuestView: GuestView;
  GuestWanted: GuestWanted;
  HandOver: HandOver;
  HangUp: HangUp;
  Hello: Hello;
  IceServer: IceServer;
  Instrument: Instrument;
  InstrumentKind: InstrumentKind;
  InstrumentRequestWithdrawn: InstrumentRequestWithdrawn;
  InstrumentRequested: InstrumentRequested;
  InstrumentState: InstrumentState;
  KeepStill: KeepStill;
  KioskCommand: KioskCommand;
  KioskMessage: KioskMessage;
  KioskReply: KioskReply;
  KioskState: KioskState;
  LeaveWaiting: LeaveWaiting;
  Link: Link;
  Listen: Listen;
  ListenWanted: ListenWanted;
  LocalAnswer: LocalAnswer;
  LocalOffer: LocalOffer;
  Me: Me;
  MediaState: MediaState;
  Mention: Mention;
  MicrophoneFailed: MicrophoneFailed;
  MuteMicrophone: MuteMicrophone;
  Nothing: Nothing;
  Nurse: Nurse;
  OpenEncounter: OpenEncounter;
  Orientation: Orientation;
  Pairing: Pairing;
  PairingCandidate: PairingCandidate;
  PairingState: PairingState;
  Passkey: Passkey;
  Patient: Patient;
  PeerAway: PeerAway;
  PersonKind: PersonKind;
  PictureGrade: PictureGrade;
  Place: Place;
  Power: Power;
  PowerSource: PowerSource;
  PrescriptionDraft: PrescriptionDraft;
  PrescriptionLine: PrescriptionLine;
  PrescriptionMentions: PrescriptionMentions;
  PrescriptionPrepared: PrescriptionPrepared;
  PrescriptionProgress: PrescriptionProgress;
  PrescriptionReady: PrescriptionReady;
  PrescriptionSignature: PrescriptionSignature;
  PrescriptionState: PrescriptionState;
  PrescriptionStep: PrescriptionStep;
  PrescriptionView: PrescriptionView;
  PrintPrescription: PrintPrescription;
  Problem: Problem;
  QualityTold: QualityTold;
  Quantity: Quantity;
  Queue: Queue;
  QueueEntry: QueueEntry;
  Reading: Reading;
  ReadingKind: ReadingKind;
  ReadingTaken: ReadingTaken;
  Reason: Reason;
  Reception: Reception;
  ReceptionTold: ReceptionTold;
  Refusal: Refusal;
  RelayLink: RelayLink;
  RemoveGuest: RemoveGuest;
  Request: Request;
  RequestState: RequestState;
  Resume: Resume;
  Role: Role;
  SayPrinted: SayPrinted;
  Sex: Sex;
  ShowCamera: ShowCamera;
  Side: Side;
  SignIn: SignIn;
  SignInNurse: SignInNurse;
  SignOutNurse: SignOutNurse;
  Situation: Situation;
  Stage: Stage;
  StartPairing: StartPairing;
  StartWaveform: StartWaveform;
  Still: Still;
  StillQuality: StillQuality;
  StillReview: StillReview;
  StillTaken: StillTaken;
  StillWanted: StillWanted;
  StopWaveform: StopWaveform;
  TakeCall: TakeCall;
  Token: Token;
  TrayItem: TrayItem;
  Unfinished: Unfinished;
  Uplink: Uplink;
  UplinkState: UplinkState;
  Urgency: Urgency;
  VehicleCard: VehicleCard;
  VehicleCreated: VehicleCreated;
  VehicleHealth: VehicleHealth;
  VehicleRow: VehicleRow;
  VehicleWanted: VehicleWanted;
  VoiceGrade: VoiceGrade;
  WantLocal: WantLocal;
  Waveform: Waveform;
  WaveformEnd: WaveformEnd;
  WaveformHead: WaveformHead;
  WaveformStarted: WaveformStarted;
  WaveformStopped: WaveformStopped;
  Welcome: Welcome;
}
/**
 * Empties the tray by hand: to the open encounter, or `discard`.
 */
export interface AssignReading {
  type: "assign_reading";
  reading_id: string;
  encounter_id: string | null;
  discard: boolean;
}
/**
 * Either way, once a second: the path is alive; `echo` is the other side's last `sent`.
 */
export interface Beat {
  type: "beat";
  sent: number;
  echo: number | null;
}
/**
 * A signed statement. `signature` is ECDSA P-256/SHA-256, raw r||s (IEEE P1363), base64.
 *
 * `peer_fingerprint` is empty in the vehicle's statement, which comes with the offer, and the
 * vehicle's in the doctor's, which comes with the answer: the answer fits one offer only.
 */
export interface Binding {
  side: Side;
  call_id: string;
  generation: number;
  vehicle_id: string;
  doctor_id: string;
  fingerprint: string;
  peer_fingerprint: string;
  certificate: string;
  signature: string;
}
/**
 * Doctor -> vehicle.
 */
export interface CallAnswer {
  type: "answer";
  call_id: string;
  generation: number;
  sdp: string;
  binding: Binding;
}
/**
 * Relay -> vehicle: this doctor has the call; make an offer for this generation.
 */
export interface CallAssigned {
  type: "assigned";
  call_id: string;
  generation: number;
  encounter_id: string;
  doctor: DoctorCard;
  ice_servers: IceServer[];
}
/**
 * A doctor as vehicles see them. `certificate` is PEM, issued by the operator's CA.
 */
export interface DoctorCard {
  doctor_id: string;
  name: string;
  title: string;
  speciality: string;
  rpps: string;
  certificate: string;
}
/**
 * One STUN or TURN server as `RTCIceServer` has it (W3C WebRTC, section 4.2.4).
 */
export interface IceServer {
  urls: string[];
  username: string;
  credential: string;
}
/**
 * Either way, after the description; an empty `candidate` ends them (RFC 8838).
 */
export interface CallCandidate {
  type: "candidate";
  call_id: string;
  generation: number;
  candidate: string;
  sdp_mid: string;
  sdp_m_line_index: number;
}
/**
 * Relay -> doctor: you have the call; an offer for this generation follows.
 */
export interface CallGranted {
  type: "granted";
  call_id: string;
  generation: number;
  encounter_id: string;
  vehicle: VehicleCard;
  ice_servers: IceServer[];
}
/**
 * A vehicle as doctors see it. `certificate` is PEM, issued by the operator's CA.
 */
export interface VehicleCard {
  vehicle_id: string;
  name: string;
  territory: string;
  simulated: boolean;
  certificate: string;
}
/**
 * Either peer -> relay -> the other: this call is over for the doctor (`finished`: for good).
 *
 * Not finished puts the encounter back in the queue.
 */
export interface CallLeft {
  type: "left";
  call_id: string;
  finished: boolean;
  by: string;
}
/**
 * Vehicle -> doctor.
 */
export interface CallOffer {
  type: "offer";
  call_id: string;
  generation: number;
  sdp: string;
  binding: Binding;
}
/**
 * One second of the call as the vehicle knows it. `code` says why it is not good: `quality.thin`,
 * `quality.lossy`, `quality.slow`, `quality.outage`; None when it is. None elsewhere: not measured.
 */
export interface CallQuality {
  voice: VoiceGrade;
  picture: PictureGrade;
  code: string | null;
  target_kbps: number;
  picture_kbps: number;
  sent_kbps: number;
  lines: number;
  frames_per_second: number;
  loss_percent: number;
  round_trip_ms: number | null;
  queue_ms: number;
  keyframes: number;
  freezes: number;
  outages: number;
  interface: string;
  relayed: boolean;
  seen: Reception | null;
}
/**
 * One second as the doctor's page gets it (W3C WebRTC statistics, inbound-rtp).
 */
export interface Reception {
  frames_per_second: number;
  freezes: number;
  frozen_ms: number;
  voice_concealed_percent: number;
  round_trip_ms: number | null;
  own_picture: boolean;
}
/**
 * Either way: the other end's binding does not hold. The relay writes it in the audit.
 */
export interface CallRefused {
  type: "refused";
  call_id: string;
  generation: number;
  code: string;
}
/**
 * Either peer -> relay: my side lost its peer connection, start a new generation.
 *
 * The relay raises `generation` and sends `assigned` and `granted` again, at most twice a second.
 */
export interface CallRejoin {
  type: "rejoin";
  call_id: string;
  generation: number;
  cause: string;
}
/**
 * A call as IT reads it from afar: the one that runs, else the last one since the gateway started.
 */
export interface CallSummary {
  running: boolean;
  seconds: number;
  voice_good_percent: number;
  picture_good_percent: number;
  code: string | null;
  keyframes: number;
  freezes: number;
  outages: number;
}
/**
 * The room camera: what the ready check and the bar say.
 */
export interface CameraView {
  present: boolean;
  name: string;
  width: number;
  height: number;
  frames_per_second: number;
  code: string | null;
  simulated: boolean;
}
/**
 * Doctor -> vehicle: this examination camera as the live picture; None: the room camera again. `beside`: with
 * the room camera's picture small beside it.
 */
export interface CameraWanted {
  type: "camera_wanted";
  instrument_id: string | null;
  beside: boolean;
}
/**
 * Takes a still; the judged picture comes as `KioskState.review`.
 */
export interface CaptureStill {
  type: "capture_still";
  instrument_id: string;
}
/**
 * Answer to a certificate request. `ca` is the issuer.
 */
export interface CertificateIssued {
  certificate: string;
  ca: string;
}
/**
 * POST /api/doctor/certificate: PKCS#10 (RFC 2986) in PEM, made in the doctor's browser.
 */
export interface CertificateRequest {
  csr: string;
}
/**
 * Either way: a message was refused; the call goes on.
 */
export interface ChannelProblem {
  type: "problem";
  code: string;
  about: string;
}
/**
 * Pairs with this candidate.
 */
export interface ChoosePairing {
  type: "choose_pairing";
  address: string;
}
/**
 * Doctor -> vehicle: chunks [from_number, to_number) of a stream, answered on `bulk`.
 */
export interface ChunksWanted {
  type: "chunks_wanted";
  stream_id: number;
  from_number: number;
  to_number: number;
}
/**
 * Ends the encounter. The three indicators are optional and never block.
 */
export interface CloseEncounter {
  type: "close_encounter";
  orientation: Orientation;
  satisfaction: number | null;
  staff_minutes: number | null;
  has_family_doctor: boolean | null;
}
/**
 * Vehicle -> doctor.
 */
export interface EventSent {
  type: "event";
  event: Event;
}
/**
 * Something durable in one encounter; `seq` counts from 1 within it, without a hole.
 *
 * Committed on the vehicle before it is sent (I1); the doctor's page acknowledges `seq`.
 */
export interface Event {
  encounter_id: string;
  seq: number;
  at: string;
  body: ReadingTaken | WaveformStarted | WaveformStopped | StillTaken;
}
/**
 * A reading joined the encounter.
 */
export interface ReadingTaken {
  type: "reading";
  reading: Reading;
}
/**
 * One measurement with its provenance.
 *
 * `taken_at` is None when the device's time is not known (I3); `device_time` is the device's
 * own clock as it wrote it, without a zone; `clock_offset_s` is device clock minus ours when the
 * connection was made. `flags` are the instrument's own quality bits and ours (`from_memory`,
 * `implausible`, `time_unknown`, `older_than_encounter`). `raw` is hexadecimal. `context` is what the
 * instrument says of the circumstances (`site_ear`, `meal_fasting`, `sample_capillary_plasma`), `record` its own
 * number of the record, `recording` the SHA-256 of the file a recording came in.
 */
export interface Reading {
  reading_id: string;
  kind: ReadingKind;
  device: Device;
  received_at: string;
  quantities: Quantity[];
  taken_at: string | null;
  device_time: string;
  clock_offset_s: number | null;
  user: number | null;
  record: number | null;
  context: string[];
  flags: string[];
  recording: string;
  error: string | null;
  raw: string;
}
/**
 * The instrument that measured, as its Device Information Service (0x180A) says.
 */
export interface Device {
  device_id: string;
  kind: InstrumentKind;
  maker: string;
  model: string;
  serial: string;
  firmware: string;
  simulated: boolean;
}
/**
 * One measured quantity. Exactly one of `value` and `absent` is there.
 *
 * `loinc` and `mdc` (ISO/IEEE 11073-10101, 32 bit) name it, `unit` is UCUM. The exponent of
 * `value` carries the precision of the instrument.
 */
export interface Quantity {
  loinc: string;
  mdc: number;
  unit: string;
  value: string | null;
  absent: Absent | null;
}
/**
 * A stream of samples began.
 */
export interface WaveformStarted {
  type: "waveform_started";
  waveform: Waveform;
}
/**
 * The description of a stream of samples; its chunks refer to `stream_id`.
 *
 * A sample is a signed 32-bit count; its value is count * `scale` in `unit` (UCUM). `lost_count`
 * marks a sample that the device says is invalid. `leads` are the MDC codes in the order of the
 * samples; a code that stands n times in a row has n consecutive samples a frame, so its rate is
 * n * `rate_hz`. `lead_units` and `lead_scales`, one per entry of `leads`, stand in for `unit` and
 * `scale` where the leads differ (CTG). `reading_id` names the recording these samples belong to.
 */
export interface Waveform {
  stream_id: number;
  device: Device;
  started_at: string;
  rate_hz: string;
  scale: string;
  unit: string;
  leads: number[];
  lead_units: string[];
  lead_scales: string[];
  lost_count: number;
  reading_id: string | null;
}
/**
 * A stream of samples ended.
 */
export interface WaveformStopped {
  type: "waveform_stopped";
  end: WaveformEnd;
}
/**
 * The stream stopped: `chunks` were made, numbered from 0.
 */
export interface WaveformEnd {
  stream_id: number;
  chunks: number;
  reason: string;
}
/**
 * A still was kept by the nurse.
 */
export interface StillTaken {
  type: "still";
  still: Still;
}
/**
 * A picture of an examination camera; `sha256` names its bytes (JPEG).
 */
export interface Still {
  still_id: string;
  device: Device;
  taken_at: string;
  sha256: string;
  size: number;
  width: number;
  height: number;
  quality: StillQuality;
  thumbnail: string;
  body_site: string;
  like: string | null;
  pixel_mm: string | null;
}
/**
 * Vehicle -> doctor, whole, on every change: the encounter, instruments, what is captured.
 */
export interface Situation {
  type: "situation";
  encounter: EncounterSummary;
  instruments: Instrument[];
  media: MediaState;
  guests: GuestView[];
}
/**
 * What the doctor needs to know of the encounter before the first question.
 */
export interface EncounterSummary {
  encounter_id: string;
  patient: Patient;
  reason: Reason;
  urgency: Urgency;
  opened_at: string;
  consent_at: string;
  nurse: string;
  reason_words: string;
}
/**
 * Identity of the person in front of the nurse. `anonymous` carries no other field.
 *
 * `ins` is the 15-character INS (NIR + key), only with a qualified identity.
 */
export interface Patient {
  anonymous: boolean;
  family_name: string;
  given_name: string;
  birth_date: string;
  sex: Sex;
  birth_place: string;
  ins: string;
  ins_oid: string;
  qualified: boolean;
}
/**
 * One numbered instrument on board.
 */
export interface Instrument {
  number: number;
  instrument_id: string;
  kind: InstrumentKind;
  name: string;
  state: InstrumentState;
  problem: string | null;
  simulated: boolean;
  battery: number | null;
  live: Quantity[];
  device_id: string;
  streams: boolean;
  request: Request | null;
}
/**
 * The doctor asks for an instrument; the kiosk pulses its number until it is answered.
 */
export interface Request {
  request_id: string;
  instrument_id: string;
  asked_at: string;
  state: RequestState;
  words: string;
}
/**
 * What the vehicle captures now, so that silence and a black picture are explained.
 */
export interface MediaState {
  camera: boolean;
  microphone: boolean;
  camera_code: string | null;
  microphone_code: string | null;
  shown: string | null;
  beside: boolean;
  stethoscope: string | null;
  stethoscope_code: string | null;
}
/**
 * A guest as the screens show it.
 */
export interface GuestView {
  guest: GuestCard;
  state: GuestState;
  since: string | null;
}
/**
 * Who is invited.
 */
export interface GuestCard {
  guest_id: string;
  role: GuestRole;
  name: string;
}
/**
 * Vehicle -> doctor, once a second while a stream runs: how many chunks exist, so that a lost
 * last chunk is noticed.
 */
export interface WaveformHead {
  type: "waveform_head";
  stream_id: number;
  chunks: number;
}
/**
 * Vehicle -> doctor, once a second while nothing else waits: how the call goes.
 */
export interface QualityTold {
  type: "quality";
  quality: CallQuality;
}
/**
 * Doctor -> vehicle, first on `control`: what the page holds of this encounter.
 */
export interface Resume {
  type: "resume";
  encounter_id: string;
  events_through: number;
}
/**
 * Doctor -> vehicle: everything through `seq` is held and shown.
 */
export interface EventAcknowledged {
  type: "ack";
  encounter_id: string;
  seq: number;
}
/**
 * Doctor -> vehicle. Idempotent by `request_id`.
 */
export interface InstrumentRequested {
  type: "request";
  request_id: string;
  instrument_id: string;
  words: string;
}
/**
 * Doctor -> vehicle.
 */
export interface InstrumentRequestWithdrawn {
  type: "withdraw";
  request_id: string;
}
/**
 * Doctor -> vehicle: this stethoscope's sound on the second audio track; None: silence again.
 */
export interface ListenWanted {
  type: "listen_wanted";
  instrument_id: string | null;
}
/**
 * Doctor -> vehicle: the bytes of a still from `offset` on, answered on `bulk`.
 */
export interface StillWanted {
  type: "still_wanted";
  still_id: string;
  offset: number;
}
/**
 * Doctor -> vehicle, once a second: what the page gets.
 */
export interface ReceptionTold {
  type: "reception";
  reception: Reception;
}
/**
 * Doctor -> vehicle: this guest may enter the call; idempotent by `guest_id`.
 */
export interface GuestInvited {
  type: "guest_invited";
  guest: GuestCard;
  key: string;
  expires_at: string;
}
/**
 * Doctor -> vehicle: out of the call, for good.
 */
export interface GuestRemoved {
  type: "guest_removed";
  guest_id: string;
}
/**
 * Live pressure while a cuff measures, mmHg; never stored as a reading.
 */
export interface CuffPressure {
  instrument_id: string;
  pressure: number;
}
/**
 * Relay -> client, then the socket closes: revoked, signed out, replaced by another page.
 */
export interface Dismissed {
  type: "dismissed";
  code: string;
}
/**
 * The nurse drops the still under review.
 */
export interface DropStill {
  type: "drop_still";
  still_id: string;
}
/**
 * The open encounter as the kiosk shows it.
 */
export interface Encounter {
  encounter_id: string;
  patient: Patient;
  reason: Reason;
  urgency: Urgency;
  reason_words: string;
  opened_at: string;
  stage: Stage;
  place: number | null;
  doctors: number | null;
  doctor: string;
  doctor_speciality: string;
  call_since: string | null;
  readings: Reading[];
  stills: Still[];
  waveforms: Waveform[];
  prescriptions: PrescriptionView[];
  unacknowledged: number;
  call_code: string | null;
  quality: CallQuality | null;
  guests: GuestView[];
}
/**
 * GET /api/encounters/{id}/prescriptions, one element; the kiosk shows it too.
 */
export interface PrescriptionView {
  prescription_id: string;
  encounter_id: string;
  state: PrescriptionState;
  sha256: string | null;
  steps: PrescriptionStep[];
  doctor: string;
  drugs: string[];
}
/**
 * One step that was made.
 */
export interface PrescriptionStep {
  state: PrescriptionState;
  at: string;
  code: string | null;
}
/**
 * Vehicle -> relay: a snapshot, idempotent. No identity travels here.
 *
 * `waiting` puts it in the doctors' queue; `after` and `closed` take it out and end its call.
 */
export interface EncounterState {
  type: "encounter";
  encounter_id: string;
  phase: EncounterPhase;
  opened_at: string;
  waiting_since: string | null;
  reason: Reason;
  urgency: Urgency;
  call_id: string | null;
}
/**
 * Closes the wizard, or gives a passkey up.
 */
export interface EndPairing {
  type: "end_pairing";
}
/**
 * Answer to an enrolment.
 */
export interface Enrolled {
  vehicle_id: string;
  name: string;
  territory: string;
  certificate: string;
  ca: string;
  vehicle_url: string;
}
/**
 * POST /api/enrol: the one-time code and a PKCS#10 request signed by the vehicle's new key.
 */
export interface Enrolment {
  code: string;
  csr: string;
}
/**
 * The six digits the instrument shows.
 */
export interface EnterPasskey {
  type: "enter_passkey";
  passkey: string;
}
/**
 * ready -> waiting: the encounter joins the doctors' queue.
 */
export interface EnterWaiting {
  type: "enter_waiting";
}
/**
 * Every HTTP error of the relay and of the kiosk: a code, and facts for the sentence.
 */
export interface ErrorBody {
  code: string;
  facts: {
    [k: string]: string;
  };
}
/**
 * Removes an instrument that was paired here; one from the configuration file is refused.
 */
export interface ForgetInstrument {
  type: "forget_instrument";
  instrument_id: string;
}
/**
 * Doctor's page -> relay.
 */
export interface FrameFromDoctor {
  n: number;
  ack: number;
  body:
    | Hello
    | Nothing
    | Refusal
    | TakeCall
    | CallRejoin
    | CallAnswer
    | CallCandidate
    | CallRefused
    | CallLeft
    | GuestOffer
    | GuestCandidate
    | GuestRejoin
    | GuestLeft
    | GuestRefused;
}
/**
 * Client -> relay, the first frame (n = 0). A doctor brings a token, a vehicle its certificate, a guest the
 * token of its link, which is used up by it (`guest.link_used`, `guest.link_unknown`, `guest.link_expired`).
 *
 * A guest's page makes its `resume_token` itself (32 random octets, base64url) and says it with the link's token:
 * a `Welcome` that was lost is then asked for again by the same `Hello`. It comes back by `session` and
 * `resume_token`, after a reload by `resume_token` alone: then its media is gone and both hosts offer anew.
 * `Welcome.resume_token` of a guest is always the same one.
 */
export interface Hello {
  type: "hello";
  version: number;
  role: Role;
  token: string;
  session: string | null;
  resume_token: string;
  last_seen: number;
}
/**
 * Carries an `ack` and no more.
 */
export interface Nothing {
  type: "nothing";
}
/**
 * Either way: a message was refused. `about` is its `n` (0: the connection itself).
 *
 * `facts` are for the sentence on the screen (`by`: who took the call).
 */
export interface Refusal {
  type: "error";
  code: string;
  about: number;
  facts: {
    [k: string]: string;
  };
}
/**
 * Doctor -> relay. One wins; the others get `call.taken` with `by`.
 */
export interface TakeCall {
  type: "take";
  encounter_id: string;
}
/**
 * Host -> relay -> guest; the relay refuses a `binding.host` that is not the sender's role.
 */
export interface GuestOffer {
  type: "guest_offer";
  call_id: string;
  guest_id: string;
  generation: number;
  sdp: string;
  binding: GuestBinding;
}
/**
 * A DTLS fingerprint under the link's key. `host`: whose connection with the guest it is about;
 * `by_guest`: which of its two ends says it. `peer_fingerprint` is empty in an offer's.
 */
export interface GuestBinding {
  host: Side;
  by_guest: boolean;
  call_id: string;
  guest_id: string;
  generation: number;
  fingerprint: string;
  peer_fingerprint: string;
  mac: string;
}
/**
 * Between the guest and the host named, either way (RFC 8838).
 */
export interface GuestCandidate {
  type: "guest_candidate";
  call_id: string;
  guest_id: string;
  host: Side;
  generation: number;
  candidate: string;
  sdp_mid: string;
  sdp_m_line_index: number;
}
/**
 * Guest or host -> relay: the connection between the guest and `host` is lost, `generation` failed. The relay
 * raises it for this pair and says `guest_entered` to the host.
 */
export interface GuestRejoin {
  type: "guest_rejoin";
  call_id: string;
  guest_id: string;
  host: Side;
  generation: number;
  cause: string;
}
/**
 * Guest or host -> relay -> the others: the guest's part is over for good; the link stays used up.
 */
export interface GuestLeft {
  type: "guest_left";
  call_id: string;
  guest_id: string;
  by: string;
}
/**
 * Guest or host -> relay -> the other of this pair: the binding does not hold. The relay writes it in the audit.
 */
export interface GuestRefused {
  type: "guest_refused";
  call_id: string;
  guest_id: string;
  host: Side;
  generation: number;
  code: string;
}
/**
 * Guest's page -> relay.
 */
export interface FrameFromGuest {
  n: number;
  ack: number;
  body: Hello | Nothing | Refusal | GuestAnswer | GuestCandidate | GuestRejoin | GuestLeft | GuestRefused;
}
/**
 * Guest -> relay -> the host of `binding.host`.
 */
export interface GuestAnswer {
  type: "guest_answer";
  call_id: string;
  guest_id: string;
  generation: number;
  sdp: string;
  binding: GuestBinding;
}
/**
 * Vehicle -> relay.
 */
export interface FrameFromVehicle {
  n: number;
  ack: number;
  body:
    | Hello
    | Nothing
    | Refusal
    | EncounterState
    | VehicleHealth
    | CallRejoin
    | CallOffer
    | CallCandidate
    | CallRefused
    | CallLeft
    | PrescriptionProgress
    | GuestOffer
    | GuestCandidate
    | GuestRejoin
    | GuestLeft
    | GuestRefused;
}
/**
 * Vehicle -> relay, each minute and on change.
 */
export interface VehicleHealth {
  type: "health";
  release: string;
  problems: Problem[];
  certificate_days: number | null;
  outbox: number;
  camera: boolean;
  simulated: boolean;
  call: CallSummary | null;
}
/**
 * Something that is wrong now. `subject` names the part (an instrument, `camera`, `relay`…).
 */
export interface Problem {
  code: string;
  subject: string;
  since: string | null;
}
/**
 * Vehicle -> relay -> doctor: a step in the life of a prescription. Idempotent.
 */
export interface PrescriptionProgress {
  type: "prescription";
  prescription_id: string;
  encounter_id: string;
  state: PrescriptionState;
  at: string;
  code: string | null;
}
/**
 * Relay -> doctor's page.
 */
export interface FrameToDoctor {
  n: number;
  ack: number;
  body:
    | Welcome
    | Nothing
    | Refusal
    | Queue
    | CallGranted
    | CallOffer
    | CallCandidate
    | CallRefused
    | CallLeft
    | PeerAway
    | PrescriptionProgress
    | Dismissed
    | GuestEntered
    | GuestAnswer
    | GuestCandidate
    | GuestAway
    | GuestLeft
    | GuestRefused;
}
/**
 * Relay -> client, n = 0. `resumed` false: a new session, start from snapshots.
 */
export interface Welcome {
  type: "welcome";
  session: string;
  resume_token: string;
  resumed: boolean;
  last_seen: number;
  server_time: string;
  ice_servers: IceServer[];
  doctor: DoctorCard | null;
  vehicle: VehicleCard | null;
  guest: GuestCard | null;
  call_id: string | null;
}
/**
 * Relay -> doctor: the whole queue, on every change.
 */
export interface Queue {
  type: "queue";
  entries: QueueEntry[];
}
/**
 * One waiting or running consultation as doctors see it.
 */
export interface QueueEntry {
  encounter_id: string;
  vehicle: VehicleCard;
  reason: Reason;
  urgency: Urgency;
  waiting_since: string;
  online: boolean;
  taken_by: string;
}
/**
 * Relay -> peer: the other end's signalling socket went (`away`) or came back.
 */
export interface PeerAway {
  type: "away";
  call_id: string;
  away: boolean;
}
/**
 * Relay -> host (vehicle or doctor): the guest's page is there; make an offer of this generation to it. Said
 * again with a higher one after a rejoin.
 */
export interface GuestEntered {
  type: "guest_entered";
  call_id: string;
  guest: GuestCard;
  generation: number;
  ice_servers: IceServer[];
}
/**
 * Relay -> hosts: the guest's signalling socket went, or came back.
 */
export interface GuestAway {
  type: "guest_away";
  call_id: string;
  guest_id: string;
  away: boolean;
}
/**
 * Relay -> guest's page.
 */
export interface FrameToGuest {
  n: number;
  ack: number;
  body: Welcome | Nothing | Refusal | GuestOffer | GuestCandidate | GuestLeft | GuestRefused | Dismissed;
}
/**
 * Relay -> vehicle.
 */
export interface FrameToVehicle {
  n: number;
  ack: number;
  body:
    | Welcome
    | Nothing
    | Refusal
    | Place
    | CallAssigned
    | CallAnswer
    | CallCandidate
    | CallRefused
    | CallLeft
    | PeerAway
    | PrescriptionReady
    | Dismissed
    | GuestEntered
    | GuestAnswer
    | GuestCandidate
    | GuestAway
    | GuestLeft
    | GuestRefused;
}
/**
 * Relay -> vehicle: place in the queue, from 1, and how many doctors are on line.
 */
export interface Place {
  type: "place";
  encounter_id: string;
  place: number;
  doctors: number;
}
/**
 * Relay -> vehicle: fetch it at `/vehicle/prescriptions/{id}`. Said again until it arrived.
 */
export interface PrescriptionReady {
  type: "prescription_ready";
  prescription_id: string;
  encounter_id: string;
  sha256: string;
}
/**
 * Its answer; asking uses nothing up. Refused with the codes of a guest's `Hello`, at the same rate.
 */
export interface GuestDoor {
  guest: GuestCard;
  doctor: string;
  vehicle: string;
  simulated: boolean;
  expires_at: string;
}
/**
 * Its answer: `token` is said once, the relay keeps a hash.
 */
export interface GuestInvitation {
  guest: GuestCard;
  token: string;
  expires_at: string;
}
/**
 * Body of `POST /guest/invitation`: the guest's page asks who invites, before it uses the link up.
 */
export interface GuestKnock {
  token: string;
}
/**
 * Body of `POST /doctor/calls/{call_id}/guests`.
 */
export interface GuestWanted {
  role: GuestRole;
  name: string;
}
/**
 * The nurse gave the paper to the patient.
 */
export interface HandOver {
  type: "hand_over";
  prescription_id: string;
}
/**
 * in_call -> after.
 */
export interface HangUp {
  type: "hang_up";
}
/**
 * The nurse keeps the still under review: it joins the encounter. `body_site` is a SNOMED CT concept,
 * `like` the earlier still of the same place.
 */
export interface KeepStill {
  type: "keep_still";
  still_id: string;
  body_site: string;
  like: string | null;
}
/**
 * Page -> gateway; `id` comes back in the reply.
 */
export interface KioskCommand {
  id: number;
  body:
    | SignInNurse
    | SignOutNurse
    | OpenEncounter
    | EnterWaiting
    | LeaveWaiting
    | CloseEncounter
    | HangUp
    | StartWaveform
    | StopWaveform
    | CaptureStill
    | KeepStill
    | DropStill
    | ShowCamera
    | Listen
    | StartPairing
    | ChoosePairing
    | EnterPasskey
    | EndPairing
    | ForgetInstrument
    | AssignReading
    | PrintPrescription
    | SayPrinted
    | HandOver
    | WantLocal
    | LocalAnswer
    | MicrophoneFailed
    | MuteMicrophone
    | RemoveGuest;
}
/**
 * Five wrong PINs close the sign-in for a minute (`pin.wait`).
 */
export interface SignInNurse {
  type: "sign_in";
  nurse_id: string;
  pin: string;
}
/**
 * Ends the kiosk's session; an open encounter stays open.
 */
export interface SignOutNurse {
  type: "sign_out";
}
/**
 * Refused with a field's code (`patient.birth_date`, `patient.ins_key`…) when it cannot be.
 */
export interface OpenEncounter {
  type: "open_encounter";
  patient: Patient;
  consent: boolean;
  reason: Reason;
  urgency: Urgency;
  reason_words: string;
}
/**
 * waiting -> ready.
 */
export interface LeaveWaiting {
  type: "leave_waiting";
}
/**
 * Starts the stream of an ECG.
 */
export interface StartWaveform {
  type: "start_waveform";
  instrument_id: string;
}
/**
 * Stops it.
 */
export interface StopWaveform {
  type: "stop_waveform";
  instrument_id: string;
}
/**
 * The nurse gives the doctor this examination camera as the live picture; None: the room camera. `beside`: with
 * the room camera's picture small beside it.
 */
export interface ShowCamera {
  type: "show_camera";
  instrument_id: string | null;
  beside: boolean;
}
/**
 * The nurse opens this stethoscope for the doctor; None: closes it.
 */
export interface Listen {
  type: "listen";
  instrument_id: string | null;
}
/**
 * Opens the wizard; `instrument_id`: the instrument whose device is replaced.
 */
export interface StartPairing {
  type: "start_pairing";
  instrument_id: string | null;
}
/**
 * Prints again after a failure a person has seen (`print_failed`).
 */
export interface PrintPrescription {
  type: "print";
  prescription_id: string;
}
/**
 * A person looked at the printer's tray: `print_ambiguous` becomes printed or failed.
 */
export interface SayPrinted {
  type: "say_printed";
  prescription_id: string;
  printed: boolean;
}
/**
 * The page asks for a local peer connection (after loading, after a failure).
 */
export interface WantLocal {
  type: "want_local";
}
/**
 * Answer to `LocalOffer`, candidates gathered.
 */
export interface LocalAnswer {
  type: "local_answer";
  generation: number;
  sdp: string;
}
/**
 * The browser gives no microphone; the doctor is told.
 */
export interface MicrophoneFailed {
  type: "microphone_failed";
  code: string;
}
/**
 * The nurse mutes the bus for the doctor and guests, or speaks again. Off again with every new call.
 */
export interface MuteMicrophone {
  type: "mute";
  muted: boolean;
}
/**
 * The nurse ends a guest's part in the call, or takes the invitation back.
 */
export interface RemoveGuest {
  type: "remove_guest";
  guest_id: string;
}
/**
 * Everything the kiosk shows. Before sign-in only `vehicle`, `link`, `power`, `problems`.
 */
export interface KioskState {
  type: "state";
  revision: number;
  now: string;
  vehicle: VehicleCard;
  release: string;
  link: Link;
  power: Power;
  demo: boolean;
  nurse: Nurse | null;
  nurses: Nurse[];
  outbox: number;
  problems: Problem[];
  camera: CameraView | null;
  microphone: boolean;
  instruments: Instrument[];
  cuff: CuffPressure | null;
  review: StillReview | null;
  encounter: Encounter | null;
  tray: TrayItem[];
  pairing: Pairing | null;
  passkey: Passkey | null;
  shown: string | null;
  listening: string | null;
  beside: boolean;
  microphone_muted: boolean;
  microphone_code: string | null;
  voice_kbps: number;
  unfinished: Unfinished[];
}
/**
 * The network as the nurse's bar shows it. None: not measured, never guessed.
 */
export interface Link {
  relay: RelayLink;
  since: string;
  operator: string;
  round_trip_ms: number | null;
  uplinks: Uplink[];
}
/**
 * One network interface of the vehicle, the preferred one first. `round_trip_ms`: to the doctor's page.
 */
export interface Uplink {
  name: string;
  operator: string;
  state: UplinkState;
  in_use: boolean;
  relayed: boolean;
  round_trip_ms: number | null;
}
/**
 * Power as the nurse's bar shows it.
 */
export interface Power {
  source: PowerSource;
  percent: number | null;
}
/**
 * Who is signed in.
 */
export interface Nurse {
  nurse_id: string;
  name: string;
}
/**
 * A still that waits for the nurse: keep it or take it again. Its bytes are at `/stills/{id}`.
 */
export interface StillReview {
  instrument_id: string;
  still: Still;
}
/**
 * A reading that belongs to no encounter until a person says so (I2).
 */
export interface TrayItem {
  reading: Reading;
  reason: string;
}
/**
 * The pairing wizard. `instrument_id` set: that instrument is being replaced, or was just made.
 */
export interface Pairing {
  state: PairingState;
  candidates: PairingCandidate[];
  address: string | null;
  instrument_id: string | null;
  code: string | null;
}
/**
 * A radio instrument that advertises itself now and that a driver of ours knows.
 */
export interface PairingCandidate {
  address: string;
  name: string;
  kind: InstrumentKind;
  signal_dbm: number | null;
  simulated: boolean;
}
/**
 * Six digits of a bond. `show` None: the instrument shows them and the nurse types them; else they are
 * to be typed on the instrument.
 */
export interface Passkey {
  name: string;
  show: string | null;
}
/**
 * An encounter that is closed to measuring but not to its papers.
 */
export interface Unfinished {
  encounter_id: string;
  patient: Patient;
  opened_at: string;
  prescriptions: PrescriptionView[];
  unsent: number;
}
/**
 * Gateway -> page: the local peer connection. m-lines in order: audio (doctor out, microphone
 * in), video (own picture), video (doctor's picture), audio and video (the newest guest),
 * audio and audio (further guests); answer with `LocalAnswer`.
 */
export interface LocalOffer {
  type: "local_offer";
  generation: number;
  sdp: string;
}
/**
 * Gateway -> page: the outcome of a command. No `code`: done.
 */
export interface KioskReply {
  type: "reply";
  id: number;
  code: string | null;
  facts: {
    [k: string]: string;
  };
  encounter_id: string | null;
}
/**
 * GET /api/me. `ca` is the operator's CA certificate, which the page pins at first sight.
 */
export interface Me {
  kind: PersonKind;
  name: string;
  doctor: DoctorCard | null;
  ca: string;
  demo: boolean;
}
/**
 * One legal mention of the checklist. `line` counts from 0 when it belongs to a drug.
 */
export interface Mention {
  code: string;
  present: boolean;
  line: number | null;
}
/**
 * POST /api/prescriptions.
 */
export interface PrescriptionDraft {
  encounter_id: string;
  call_id: string;
  patient: Patient;
  /**
   * @minItems 1
   * @maxItems 20
   */
  lines: PrescriptionLine[];
  note: string;
  weight_kg: string;
}
/**
 * One drug. `renewals` counts further deliveries; `days` is the duration.
 */
export interface PrescriptionLine {
  drug: string;
  strength: string;
  form: string;
  posology: string;
  days: number;
  units: number;
  renewals: number;
  not_substitutable: string | null;
}
/**
 * Answer 422 to POST /api/prescriptions when mentions are missing, and to POST …/check.
 */
export interface PrescriptionMentions {
  code: string;
  mentions: Mention[];
}
/**
 * Answer 201 to POST /api/prescriptions: what the doctor's key signs.
 *
 * `pdf` is the page with its empty signature, `to_be_signed` the DER of the CMS signed attributes
 * (RFC 5652, section 5.4); both base64. The page checks that the SHA-256 of the PDF's byte ranges
 * is the message digest inside before it signs.
 */
export interface PrescriptionPrepared {
  prescription_id: string;
  pdf: string;
  /**
   * @minItems 4
   * @maxItems 4
   */
  byte_range: [number, number, number, number];
  to_be_signed: string;
  mentions: Mention[];
}
/**
 * POST /api/prescriptions/{id}/signature: raw r||s (IEEE P1363) over `to_be_signed`, base64.
 */
export interface PrescriptionSignature {
  signature: string;
}
/**
 * POST /api/sign-in (demo provider; a later issue brings OpenID Connect).
 */
export interface SignIn {
  account: string;
  password: string;
}
/**
 * POST /api/token: a JWT (ES256) for the WebSocket and for scripts, short-lived.
 */
export interface Token {
  token: string;
  expires_at: string;
}
/**
 * POST /api/fleet/vehicles: the one-time code is shown once and stored as a hash.
 */
export interface VehicleCreated {
  vehicle_id: string;
  code: string;
  expires_at: string;
}
/**
 * GET /api/fleet/vehicles, one element.
 */
export interface VehicleRow {
  vehicle_id: string;
  name: string;
  territory: string;
  state: string;
  online: boolean;
  last_seen: string | null;
  release: string;
  certificate_days: number | null;
  problems: Problem[];
  call: CallSummary | null;
}
/**
 * Body of POST /api/fleet/vehicles.
 */
export interface VehicleWanted {
  name: string;
  territory: string;
}
