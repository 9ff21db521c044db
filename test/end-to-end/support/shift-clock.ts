import { readFileSync } from "node:fs";

// Loaded ahead of the server (`node --import`, also in its threads): its wall clock differs from the real one by as many
// seconds as stand in the file, from then on when that changes.
const file = process.env["CLOCK_SHIFT_FILE"] ?? "";
const LOOK_MILLISECONDS = 50;
const RealDate = Date;
let looked = Number.NEGATIVE_INFINITY;
let shift = 0;

function shifted(): number {
  if (performance.now() - looked > LOOK_MILLISECONDS) {
    looked = performance.now();
    shift = Number(readFileSync(file, "utf8")) * 1000;
  }
  return RealDate.now() + shift;
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [shifted()] : given, newTarget),
  get: (target, name) => (name === "now" ? shifted : Reflect.get(target, name)),
});
