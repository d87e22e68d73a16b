// Line icons of 24 units. Each goes with words: a state is never told by a picture alone.

const PATHS = {
  home: "M4 11.5 12 4l8 7.5M6.5 10v9.5h11V10",
  online: "M3 9.5a13 13 0 0 1 18 0M6 13a8.5 8.5 0 0 1 12 0M9 16.3a4.3 4.3 0 0 1 6 0M12 19.8v.2",
  connecting: "M20 12a8 8 0 0 1-14 5.3M4 12a8 8 0 0 1 14-5.3M18 3v4h-4M6 21v-4h4",
  offline: "M4 4l16 16M3 9.5a13 13 0 0 1 4-2.7M21 9.5a13 13 0 0 0-9-3.6M6 13a8.5 8.5 0 0 1 4-2.3M9 16.3a4.3 4.3 0 0 1 6 0M12 19.8v.2",
  spare: "M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  plug: "M9 3v5M15 3v5M6.5 8h11v3.5a5.5 5.5 0 0 1-11 0zM12 17v4",
  battery: "M3 8h15v8H3zM21 11v2M6 11v2M9 11v2",
  gauge: "M4 17a8.5 8.5 0 1 1 16 0M12 15l4-5",
  cuff: "M5 6h9a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3H5zM9 6v12M17 12h2.5M19.5 12v5",
  ecg: "M2.5 12.5h4.5l2-5 3.5 10 2.5-7 1.5 2h5",
  thermometer: "M10 14V5.5a2 2 0 0 1 4 0V14a4 4 0 1 1-4 0zM12 9v8.5",
  finger: "M3 9h11a4 4 0 0 1 0 8H3M8 9v8M13.5 13h.2",
  drop: "M12 3.5c3.5 4.5 5.5 7.3 5.5 10.2a5.5 5.5 0 0 1-11 0c0-2.9 2-5.7 5.5-10.2zM9.5 14a2.6 2.6 0 0 0 2.5 2.6",
  scale: "M4 5h16v15H4zM8 12a4 4 0 0 1 8 0zM12 12l1.5-2.5",
  heart: "M12 20C5 15 3 11.5 3 8.7A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 9 1.7C21 11.5 19 15 12 20z",
  fetal: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM10 8.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM11.5 12.3c3 .6 4.3 2.6 2.8 4.7M8 16.5c2 1.2 4.5 1.4 6.3.5",
  ear: "M7 10a5 5 0 1 1 10 0c0 3-2.5 4-3 6.5-.4 2.4-1.6 4-3.6 4a3 3 0 0 1-2.9-2.5M9.8 10.2a2.3 2.3 0 0 1 4.6.2c0 1.6-1.7 1.8-2.2 3.3",
  mouth: "M3 11.5c2.5-3.5 5.5-5 7-4.5.8.3 1.2.7 2 .7s1.2-.4 2-.7c1.5-.5 4.5 1 7 4.5-2 4-5.5 6.5-9 6.5s-7-2.5-9-6.5zM3 11.5c6 1.6 12 1.6 18 0",
  ultrasound: "M9.5 3.5h5v5l-2.5 2-2.5-2zM8 13.5a6 6 0 0 0 8 0M6 16.5a10 10 0 0 0 12 0M4 19.5a14 14 0 0 0 16 0",
  lens: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6z",
  upload: "M12 15V4M7.5 8.5 12 4l4.5 4.5M4.5 15v4.5h15V15",
  check: "M4.5 12.5 10 18 19.5 7",
  warning: "M12 4 2.5 20h19zM12 10v5M12 17.5v.2",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 8v5M12 16v.2",
  halt: "M6 6h12v12H6z",
  user: "M12 4.5a3.7 3.7 0 1 1 0 7.4 3.7 3.7 0 0 1 0-7.4zM4.5 20a7.5 7.5 0 0 1 15 0",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.5v2.5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M18.7 5.3 17 7M7 17l-1.7 1.7",
  microphone: "M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  muted: "M4 4l16 16M9 9v2.5a3 3 0 0 0 4.5 2.6M15 11V6.5a3 3 0 0 0-5.5-1.6M5.5 11.5a6.5 6.5 0 0 0 9.8 5.6M18 14a6.5 6.5 0 0 0 .5-2.5M12 18v3",
  hangup: "M3 15.5v-2c5-4.7 13-4.7 18 0v2l-4 1-1-3a11 11 0 0 0-8 0l-1 3z",
  printer: "M7 9V3.5h10V9M7 17H4V9.5h16V17h-3M7 14h10v6.5H7z",
  hand: "M4 13l4-4 3 2h4M4 13v6h5l4 1.5 7-5.5-1.5-1.5-4 2M12.5 13.5h3l2-3 2.5 3",
  scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M8 8h3v3H8zM13 8h3v3h-3zM8 13h3v3H8zM13 13h1.5v1.5M16 16v.1",
  keyboard: "M3 6.5h18v11H3zM6.5 10v.1M10 10v.1M14 10v.1M17.5 10v.1M8 14h8",
  mask: "M3 8c3-2 6-2 9 0 3-2 6-2 9 0-.5 6-3 8.5-6 8.5-1.5 0-2.3-1-3-2-.7 1-1.5 2-3 2-3 0-5.5-2.5-6-8.5zM7 11h2M15 11h2",
  erase: "M9 6h12v12H9l-6-6zM12.5 9.5l5 5M17.5 9.5l-5 5",
  close: "M6 6l12 12M18 6 6 18",
  sound: "M4 9.5v5h4l5 4v-13l-5 4zM16.5 9a4.5 4.5 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11",
  doctor: "M6 3.5v5a4.5 4.5 0 0 0 9 0v-5M10.5 13v3a4.5 4.5 0 0 0 9 0v-2M19.5 10a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  arrow: "M5 12h13M13 6.5 18.5 12 13 17.5",
  back: "M19 12H6M11 6.5 5.5 12l5.5 5.5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  paper: "M6 3.5h8.5L18.5 8v12.5H6zM14 3.5V8.5h4.5M9 13h6.5M9 16.5h6.5",
  tray: "M4 13l2.5-8h11L20 13v6.5H4zM4 13h5l1 2.5h4l1-2.5h5",
  clock: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 8v4.5l3 2",
  people: "M9 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM3 19a6 6 0 0 1 12 0M16 5.5a3 3 0 0 1 0 5.5M17.5 14a6 6 0 0 1 3.5 5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
