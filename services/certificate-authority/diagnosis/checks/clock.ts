import { error, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Check } from "../contract.ts";

const SET_CLOCK = "set the clock (timedatectl set-ntp true), then look again";
/** What certificates are backdated by; a client whose clock differs more finds new ones not valid yet. */
const BACKDATE_SECONDS = 300;
/** HTTP dates have whole seconds, and the way takes some. */
const TOLERATED_SECONDS = 5;
/** Gatehouse exists since 2026; a battery that died shows an earlier year. */
const FIRST_YEAR = 2026;

export const clockAgainstLedger: Check = {
  id: "clock.ledger",
  title: "this machine's clock against the newest entry of the ledger",
  async run({ clock, ledger, ledgerFile }) {
    const now = clock.now();
    if (now.getUTCFullYear() < FIRST_YEAR) return [error("clock", `it is ${now.toISOString()} here`, SET_CLOCK)];
    const state = await ledger();
    if (state.kind !== "here") return [skipped(ledgerFile, "there is no ledger to compare with")];
    const { newestEntryAt } = state.inspection.snapshot();
    if (newestEntryAt === undefined) return [skipped(ledgerFile, "nothing is on record yet")];
    const seconds = (newestEntryAt.getTime() - now.getTime()) / 1000;
    if (seconds <= TOLERATED_SECONDS)
      return [ok("clock", `${now.toISOString()}, after the newest entry (${newestEntryAt.toISOString()})`)];
    const text = `went back: the ledger's newest entry is of ${newestEntryAt.toISOString()}, ${Math.ceil(seconds)} s ahead`;
    return [error("clock", text, `${SET_CLOCK}; new certificates would begin before older ones`)];
  },
};

export const clockAgainstServer: Check = {
  id: "clock.server",
  title: "this machine's clock against the running server's",
  async run({ clock, server, withoutServer }, signal) {
    if (server === undefined) return [skipped("server", withoutServer)];
    const before = clock.now().getTime();
    const answer = await server.get("/version", signal).catch((thrown: unknown) => messageOf(thrown));
    if (typeof answer === "string") return [skipped(server.url, "did not answer; see server.ready")];
    if (answer.date === undefined) return [skipped(server.url, "answered without a Date")];
    const middle = (before + clock.now().getTime()) / 2;
    const seconds = Math.round((answer.date.getTime() - middle) / 1000);
    const text = `the server's clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} this machine's`;
    if (Math.abs(seconds) <= TOLERATED_SECONDS) return [ok(server.url, "both clocks agree")];
    if (Math.abs(seconds) < BACKDATE_SECONDS) return [warning(server.url, text, SET_CLOCK)];
    return [error(server.url, `${text}; certificates would not be valid at once`, SET_CLOCK)];
  },
};

export const clockSynchronised: Check = {
  id: "clock.synchronised",
  title: "whether something keeps the clock right",
  isIndependent: true,
  async run({ system }) {
    const shown = await system.output("timedatectl", ["show", "--property=NTPSynchronized", "--value"]);
    const answer = shown?.trim() ?? (system.readText("/run/systemd/timesync/synchronized") === undefined ? "" : "yes");
    if (answer === "yes") return [ok("clock", "the system says that it is synchronised")];
    if (answer === "no")
      return [warning("clock", "the system says that it is not synchronised", "timedatectl set-ntp true")];
    return [skipped("clock", "the system does not tell whether it is synchronised (timedatectl)")];
  },
};
