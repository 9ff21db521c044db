import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseEventLog, replay } from "../../../../services/certificate-authority/attestation/tpm2/event-log.ts";
import { Tpm } from "../../../../services/node-agent/tpm/tpm.ts";
import { TpmError } from "../../../../services/shared/tpm/tpm-reader.ts";
import { uint16, uint32 } from "../../../../services/shared/tpm/tpm-writer.ts";
import { CHAIN_NOW } from "../../../builders/certificate-chain.ts";
import {
  eventLog,
  loggedEvent,
  sha256,
  specificationEvent,
  startupLocality,
  type WrittenEvent,
} from "../../../builders/event-log.ts";
import { FIRMWARE_PCRS, softExchange, softMachine, text, VENDOR } from "../../../builders/soft-tpm.ts";
import { EmulatedTpm, HAS_SWTPM, HAS_TPM2_TOOLS, NEEDS_SWTPM } from "../../../builders/swtpm.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { anchorsFile, exchangeWith, tpm2Attestor, verifyExchange } from "../../../builders/tpm-attestation.ts";

const FIRMWARE = Buffer.from("firmware 1.2");
const LOADER = Buffer.from("boot loader");
const SEPARATOR = { type: 4, event: Buffer.alloc(4) };
const boot: readonly WrittenEvent[] = [
  { pcr: 0, event: FIRMWARE },
  { pcr: 4, event: LOADER },
  ...FIRMWARE_PCRS.map((pcr) => ({ pcr, ...SEPARATOR })),
];

const extended = (...digests: readonly Buffer[]): Buffer =>
  digests.reduce((value, digest) => sha256(Buffer.concat([value, digest])), Buffer.alloc(32));
const separator = sha256(SEPARATOR.event);
const bootValues = new Map(
  FIRMWARE_PCRS.map((pcr) => {
    const before = pcr === 0 ? [sha256(FIRMWARE)] : pcr === 4 ? [sha256(LOADER)] : [];
    return [pcr, extended(...before, separator)];
  }),
);
const values = new Map([["sha256" as const, bootValues]]);

const hexOf = (log: Buffer, pcr: number): string | undefined =>
  replay(parseEventLog(log)).get("sha256")?.get(pcr)?.toString("hex");

test("a log is replayed by its digests", () => {
  for (const [pcr, value] of bootValues) expect(hexOf(eventLog(boot), pcr)).toBe(value.toString("hex"));
  expect(hexOf(eventLog(boot), 8)).toBeUndefined();
});

test("what takes no action extends nothing, whatever PCR it names; a locality is where PCR 0 begins", () => {
  const silent = { ...startupLocality(3), pcr: 0xffffffff };
  const log = eventLog([{ ...silent, event: Buffer.from("hello") }, startupLocality(3), ...boot]);
  const start = Buffer.alloc(32);
  start[31] = 3;
  const first = sha256(Buffer.concat([start, sha256(FIRMWARE)]));
  expect(hexOf(log, 0)).toBe(sha256(Buffer.concat([first, separator])).toString("hex"));
  expect(hexOf(log, 7)).toBe(bootValues.get(7)?.toString("hex"));
});

const whole = eventLog(boot);
const wrong = (events: readonly Buffer[], specification = specificationEvent()): Buffer =>
  Buffer.concat([specification, ...events]);

test.each([
  {
    name: "an older format",
    log: wrong([], specificationEvent([[4, 20]], "Spec ID Event02\0")),
    message: "crypto-agile",
  },
  { name: "no format", log: loggedEvent({ pcr: 0 }), message: "does not say what format" },
  { name: "no digests", log: wrong([], specificationEvent([])), message: "0 kinds of digests" },
  {
    name: "too many kinds of digests",
    log: wrong([], specificationEvent(Array.from({ length: 17 }, (_, index) => [index, 20]))),
    message: "17 kinds",
  },
  {
    name: "one kind twice",
    log: wrong(
      [],
      specificationEvent([
        [11, 32],
        [11, 32],
      ]),
    ),
    message: "impossible kinds",
  },
  { name: "a SHA-256 of 20 octets", log: wrong([], specificationEvent([[11, 20]])), message: "impossible kinds" },
  {
    name: "an event that lacks a digest",
    log: wrong([loggedEvent({ pcr: 0, digests: [[11, Buffer.alloc(32)]] })]),
    message: "lacks digests",
  },
  {
    name: "an event with one digest twice",
    log: wrong([
      loggedEvent({
        pcr: 0,
        digests: [
          [11, Buffer.alloc(32)],
          [11, Buffer.alloc(32)],
        ],
      }),
    ]),
    message: "another kind",
  },
  {
    name: "an event with a digest of another kind",
    log: wrong([
      loggedEvent({
        pcr: 0,
        digests: [
          [11, Buffer.alloc(32)],
          [12, Buffer.alloc(48)],
        ],
      }),
    ]),
    message: "another kind",
  },
  { name: "a PCR that does not exist", log: wrong([loggedEvent({ pcr: 24 })]), message: "no PCR 24" },
  { name: "a locality that does not exist", log: eventLog([startupLocality(5)]), message: "no locality 5" },
  { name: "octets behind it", log: Buffer.concat([whole, Buffer.alloc(3)]), message: "cut off" },
])("a log with $name is refused", ({ log, message }) => {
  expect(() => parseEventLog(log)).toThrow(new RegExp(`event log: .*${message}|${message}`));
});

test("a log that is cut off is refused, but between events", () => {
  const lengths = boot.map((_, index) => eventLog(boot.slice(0, index)).length);
  for (let length = 0; length < whole.length; length += 1) {
    if (lengths.includes(length)) expect(() => parseEventLog(whole.subarray(0, length))).not.toThrow();
    else expect(() => parseEventLog(whole.subarray(0, length))).toThrow(TpmError);
  }
});

test("whatever comes is refused by an error, in bounded time", () => {
  const mutated = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) }).map(({ at, to }) => {
    const log = Buffer.from(whole);
    log[at] = to;
    return log;
  });
  const arbitrary = fc.uint8Array({ maxLength: 2000 }).map((rest) => Buffer.concat([specificationEvent(), rest]));
  fc.assert(
    fc.property(fc.oneof(mutated, arbitrary), (log) => {
      const started = performance.now();
      try {
        replay(parseEventLog(log));
      } catch (error) {
        expect(error).toBeInstanceOf(TpmError);
      }
      expect(performance.now() - started).toBeLessThan(1000);
    }),
    { numRuns: 1000 },
  );
});

describe("in an attestation", () => {
  const ekRoots = anchorsFile(VENDOR.pem);
  const attestor = tpm2Attestor({ ekRoots, eventLog: "required" });
  const right = softExchange(softMachine(), { values });
  const withLog = (log: Buffer) => ({ ...right, proof: { ...right.proof, eventLog: text(log) } });
  const outcome = (exchange: typeof right, by = attestor) =>
    verifyExchange(by, exchange, CHAIN_NOW).then(
      () => "accepted",
      (error: Error) => error.message,
    );

  test("the machine is asked for a log, which explains what was quoted", async () => {
    expect(attestor.challenge?.({ hello: right.hello, nonce: Buffer.alloc(32) })).toMatchObject({
      params: { eventLog: true },
    });
    expect(await outcome(withLog(whole))).toBe("accepted");
    expect(await outcome(right)).toContain("no event log, which the profile requires");
  });

  test.each([
    { name: "lacks an event", log: eventLog(boot.slice(1)), pcr: 0 },
    { name: "has one more", log: eventLog([...boot, { pcr: 7, event: LOADER }]), pcr: 7 },
    { name: "has another digest", log: eventLog([{ pcr: 0, event: LOADER }, ...boot.slice(1)]), pcr: 0 },
    { name: "has another order", log: eventLog([...boot].reverse()), pcr: 0 },
    { name: "lies about the locality", log: eventLog([startupLocality(3), ...boot]), pcr: 0 },
    { name: "is empty", log: eventLog([]), pcr: 0 },
  ])("a log that $name does not explain it", async ({ log, pcr }) => {
    expect(await outcome(withLog(log))).toContain(`does not explain the value of PCR sha256:${pcr}`);
  });

  test("what an event says counts for nothing, its digest for everything", async () => {
    const pcrPolicy = join(temporaryDirectory(), "policy.json");
    const allow = (...digests: readonly Buffer[]) =>
      writeFileSync(
        pcrPolicy,
        JSON.stringify({ digests: { sha256: { 4: digests.map((digest) => digest.toString("hex")) } } }),
      );
    const by = tpm2Attestor({ ekRoots, eventLog: "required", pcrPolicy });
    const usual = (event: Buffer) => [[4, Buffer.alloc(20)] as const, [11, sha256(event)] as const];
    const evil = Buffer.from("evil loader");
    const relabelled = boot.map((event) =>
      event.pcr === 4 && event.event === LOADER ? { ...event, event: evil, digests: usual(LOADER) } : event,
    );
    allow(sha256(LOADER), separator);
    expect(await outcome(withLog(whole), by)).toBe("accepted");
    expect(await outcome(withLog(eventLog(relabelled)), by)).toBe("accepted");
    allow(sha256(evil), separator);
    const message = `${sha256(LOADER).toString("hex")} was measured into PCR sha256:4`;
    expect(await outcome(withLog(whole), by)).toContain(message);
    expect(await outcome(withLog(eventLog(relabelled)), by)).toContain(message);
  });
});

const testWithTools = HAS_TPM2_TOOLS ? test : test.skip;
testWithTools("tpm2_eventlog replays a log to the same values (needs tpm2-tools)", () => {
  const path = join(temporaryDirectory(), "log");
  writeFileSync(path, whole);
  const printed = execFileSync("tpm2_eventlog", [path], { encoding: "utf8", stdio: "pipe" });
  const shown = [...printed.slice(printed.lastIndexOf("sha256:")).matchAll(/^\s+(\d+)\s*: 0x([0-9a-f]{64})/gm)];
  expect(shown.map(([, pcr, value]) => [Number(pcr), value])).toEqual(
    [...bootValues].map(([pcr, value]) => [pcr, value.toString("hex")]),
  );
});

const testWithTpm = HAS_SWTPM ? test : test.skip;
testWithTpm(`a TPM whose PCRs were extended as its log says is taken (${NEEDS_SWTPM})`, async () => {
  const tpm = await EmulatedTpm.start();
  try {
    const commands = new Tpm(await tpm.connect(), AbortSignal.timeout(20_000));
    for (const { pcr, event = Buffer.alloc(0) } of boot)
      await commands.run({
        name: "TPM2_PCR_Extend",
        code: 0x182,
        handles: [pcr],
        authorizations: [undefined],
        parameters: [uint32(1), uint16(0x000b), sha256(event)],
      });
    const attestor = tpm2Attestor({ allowUncertifiedEk: true, eventLog: "required" });
    const exchange = await exchangeWith(attestor, await tpm.connect(), { eventLog: whole });
    await expect(verifyExchange(attestor, exchange)).resolves.toMatchObject({ isFresh: true });
    const less = await exchangeWith(attestor, await tpm.connect(), { eventLog: eventLog(boot.slice(0, -1)) });
    await expect(verifyExchange(attestor, less)).rejects.toThrow("does not explain the value of PCR sha256:7");
  } finally {
    await tpm.remove();
  }
});
