import type { Forecast } from "./forecast.ts";

const WIDTH = 960;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 20;
const TOP = 60;
const BOTTOM = 70;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
const TICKS = 5;
const DAY_MILLISECONDS = 86_400_000;

const INK = "#1f2933";
const FAINT = "#d5dbe1";
const LEAVING = "#b42318";
const SERVING = "#f0a848";
const STAYING = "#175cd3";

/**
 * Draws a forecast as SVG 1.1: bars for what ends in each stretch of time, a line for the nodes that are still there.
 * Attributes only, no script, style or link, so that it is shown under any content security policy; no text of others.
 */
export function plotForecast(forecast: Forecast): string {
  const { buckets, nodes, leaving, lost, from, until } = forecast;
  const top = niceCeiling(Math.max(1, ...buckets.map((bucket) => bucket.nodes + bucket.serving)));
  const summary = `${leaving} of ${nodes} nodes leave by ${shownDay(until)}; ${lost} have left already`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12" fill="${INK}" role="img">`,
    `<title>Nodes that fall off when nothing is approved</title>`,
    `<desc>${summary}</desc>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 22, `If nothing is approved from ${shownTime(from)} on`, "start", 15),
    text(LEFT, 40, summary, "start"),
    ...legend(),
    ...countAxis(top, nodes),
    ...timeAxis(forecast),
    ...bars(forecast, top),
    stayingLine(forecast),
    "</svg>",
    "",
  ].join("\n");
}

function legend(): readonly string[] {
  const entries = [
    [LEAVING, "client certificate ends: the node leaves"],
    [SERVING, "serving certificate ends: no logs, no exec"],
    [STAYING, "nodes still there"],
  ] as const;
  return entries.flatMap(([colour, words], place) => {
    const x = LEFT + place * 290;
    return [
      `<rect x="${x}" y="${HEIGHT - 22}" width="10" height="10" fill="${colour}"/>`,
      text(x + 16, HEIGHT - 13, words, "start"),
    ];
  });
}

/** Certificates on the left, the nodes that are still there on a scale of their own along the same lines. */
function countAxis(top: number, nodes: number): readonly string[] {
  return Array.from({ length: TICKS + 1 }, (_, tick) => {
    const y = TOP + PLOT_HEIGHT - (PLOT_HEIGHT * tick) / TICKS;
    const line = `<line x1="${LEFT}" y1="${fixed(y)}" x2="${WIDTH - RIGHT}" y2="${fixed(y)}" stroke="${FAINT}"/>`;
    const stayed = text(WIDTH - RIGHT, y - 3, String(Math.round((nodes * tick) / TICKS)), "end", 10, STAYING);
    return line + text(LEFT - 8, y + 4, String(Math.round(((top * tick) / TICKS) * 10) / 10), "end") + stayed;
  });
}

function timeAxis({ from, until }: Forecast): readonly string[] {
  const length = until.getTime() - from.getTime();
  const show = length > 3 * DAY_MILLISECONDS ? shownDay : shownTime;
  return Array.from({ length: TICKS + 1 }, (_, tick) => {
    const x = LEFT + (PLOT_WIDTH * tick) / TICKS;
    const anchor = tick === 0 ? "start" : tick === TICKS ? "end" : "middle";
    const mark = `<line x1="${fixed(x)}" y1="${TOP + PLOT_HEIGHT}" x2="${fixed(x)}" y2="${TOP + PLOT_HEIGHT + 5}" stroke="${INK}"/>`;
    return mark + text(x, TOP + PLOT_HEIGHT + 20, show(new Date(from.getTime() + (length * tick) / TICKS)), anchor);
  });
}

function bars({ buckets }: Forecast, top: number): readonly string[] {
  const step = PLOT_WIDTH / buckets.length;
  const width = Math.max(0.5, step * 0.9);
  return buckets.flatMap(({ nodes, serving }, place) => {
    const x = LEFT + place * step;
    const [low, high] = [(nodes / top) * PLOT_HEIGHT, (serving / top) * PLOT_HEIGHT];
    const base = TOP + PLOT_HEIGHT;
    return [
      ...(nodes > 0 ? [bar(x, base - low, width, low, LEAVING)] : []),
      ...(serving > 0 ? [bar(x, base - low - high, width, high, SERVING)] : []),
    ];
  });
}

function stayingLine({ buckets, nodes }: Forecast): string {
  if (nodes === 0) return "";
  const step = PLOT_WIDTH / buckets.length;
  let staying = nodes;
  const points = [`${LEFT},${TOP}`];
  for (const [place, bucket] of buckets.entries()) {
    staying -= bucket.nodes;
    points.push(`${fixed(LEFT + (place + 1) * step)},${fixed(TOP + PLOT_HEIGHT * (1 - staying / nodes))}`);
  }
  return `<polyline points="${points.join(" ")}" fill="none" stroke="${STAYING}" stroke-width="1.5"/>`;
}

function bar(x: number, y: number, width: number, height: number, colour: string): string {
  const [left, top, wide, high] = [x, y, width, height].map(fixed);
  return `<rect x="${left}" y="${top}" width="${wide}" height="${high}" fill="${colour}"/>`;
}

function text(x: number, y: number, words: string, anchor: string, size = 12, colour = INK): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${words}</text>`;
}

/** The next of 1, 2 and 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((factor) => factor * power >= value) ?? 10) * power;
}

function fixed(number: number): string {
  return String(Math.round(number * 10) / 10);
}

function shownDay(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

function shownTime(instant: Date): string {
  return `${instant.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
