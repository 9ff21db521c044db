import { readFileSync } from "node:fs";

/**
 * Loaded into a server with `--import`: its clock differs from the machine's by the seconds that stand in the file which
 * GATEHOUSE_TEST_CLOCK_FILE names, and follows the file. Certificates live ten minutes at least; for a server ten minutes behind
 * they end at once, so that others see many rotations in a minute.
 */
const FILE = process.env["GATEHOUSE_TEST_CLOCK_FILE"] ?? "";
const LOOK_MILLISECONDS = 50;
const MachineDate = Date;

let shift = readShift();
setInterval(() => {
  shift = readShift();
}, LOOK_MILLISECONDS).unref();

function readShift(): number {
  return Number(readFileSync(FILE, "utf8")) * 1000;
}

const now = (): number => MachineDate.now() + shift;

// A proxy and no subclass: dates that come from other threads are of the same class.
globalThis.Date = new Proxy(MachineDate, {
  construct: (target, given) => Reflect.construct(target, given.length === 0 ? [now()] : given),
  get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
});
