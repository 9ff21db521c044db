import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import type {
  EncodedEntries,
  RevocationListTimes,
  RevokedSerial,
} from "../../../services/certificate-authority/domain/revocation-list.ts";
import { createRevocationLists } from "../../../services/certificate-authority/issuance/revocation-lists.ts";
import { openTestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { FakeRevocationFeed } from "../../fakes/revocations.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const ISSUER = "11".repeat(32);
const NOW = new Date("2026-01-02T03:04:05.678Z");
const DAY = 86_400;

/** Entries as they were added; nothing is encoded. */
class RecordedEntries implements EncodedEntries {
  readonly all: RevokedSerial[] = [];
  get count(): number {
    return this.all.length;
  }
  add(entry: RevokedSerial): void {
    this.all.push(entry);
  }
}

function harness() {
  const clock = new SettableClock(NOW);
  const feed = new FakeRevocationFeed();
  const made: RecordedEntries[] = [];
  const signed: RevocationListTimes[] = [];
  const recorded: { readonly number: number; readonly sha256: string }[] = [];
  const failures: Error[] = [];
  let last = 0;
  const lists = createRevocationLists({
    revocations: {
      head: () => feed.head(),
      ofIssuer: async (issuerId, after, limit) =>
        feed.entries.filter((one) => one.issuerId === issuerId && one.sequence > after).slice(0, limit),
    },
    signer: {
      newEntries: () => {
        const entries = new RecordedEntries();
        made.push(entries);
        return entries;
      },
      async signRevocationList(_issuerId, entries, times) {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        signed.push(times);
        const serials = (entries as RecordedEntries).all.map(({ serial }) => serial);
        return Buffer.from(`${times.number} ${serials.join(" ")}`);
      },
    },
    numbers: {
      last: () => last,
      async record({ number, sha256 }) {
        last = number;
        recorded.push({ number, sha256 });
      },
    },
    issuerIds: () => [ISSUER],
    validitySeconds: 7 * DAY,
    clock,
    logger: recordingLogger().logger,
  });
  const revoke = (serial: string, notAfter = new Date("2030-01-01T00:00:00Z")): void =>
    feed.add({ serial, issuerId: ISSUER, notAfter, at: clock.now() });
  const serials = async () =>
    Buffer.from((await lists.current(ISSUER)).der)
      .toString()
      .split(" ")
      .slice(1);
  return { clock, feed, made, signed, recorded, failures, lists, revoke, serials };
}

test("a CRL is signed when somebody asks, recorded before it is seen, and kept", async () => {
  const { lists, recorded, signed, revoke } = harness();
  revoke("01");
  expect(signed).toEqual([]);
  const [one, two] = await Promise.all([lists.current(ISSUER), lists.current(ISSUER)]);
  expect(two).toBe(one);
  expect(await lists.current(ISSUER)).toBe(one);
  expect(one).toMatchObject({ number: NOW.getTime(), entries: 1, issuerId: ISSUER });
  expect(one.thisUpdate).toEqual(new Date("2026-01-02T03:04:05Z"));
  expect(one.nextUpdate).toEqual(new Date("2026-01-09T03:04:05Z"));
  expect(recorded).toEqual([{ number: one.number, sha256: createHash("sha256").update(one.der).digest("hex") }]);
});

test("a revocation makes a new one, in which the others are not encoded again", async () => {
  const { lists, made, revoke, serials } = harness();
  for (let index = 0; index < 2_500; index += 1) revoke(`a${index}`);
  const first = await lists.current(ISSUER);
  expect(first.entries).toBe(2_500);
  const [entries] = made;
  const add = jestSpy(entries);
  revoke("bb");
  expect((await serials()).slice(-2)).toEqual(["a2499", "bb"]);
  expect(add.calls).toEqual(["bb"]);
  expect(made).toHaveLength(1);
  expect((await lists.current(ISSUER)).number).toBeGreaterThan(first.number);
});

function jestSpy(entries: RecordedEntries | undefined) {
  const calls: string[] = [];
  if (entries === undefined) throw new Error("nothing was encoded");
  const add = entries.add.bind(entries);
  entries.add = (entry) => {
    calls.push(entry.serial);
    add(entry);
  };
  return { calls };
}

test("at half of its time a CRL is renewed, without what has been expired for longer than one lives", async () => {
  const { lists, clock, revoke, serials } = harness();
  revoke("01", new Date(NOW.getTime() + DAY * 1000));
  revoke("02");
  const first = await lists.current(ISSUER);
  clock.advance(3.4 * DAY);
  expect(await lists.current(ISSUER)).toBe(first);
  clock.advance(0.2 * DAY);
  expect(await serials()).toEqual(["01", "02"]);
  clock.advance(7 * DAY);
  expect(await serials()).toEqual(["02"]);
});

test("numbers grow when the clock is set back, and no CRL of the future is shown", async () => {
  const { lists, clock, signed } = harness();
  const first = await lists.current(ISSUER);
  clock.advance(-DAY);
  const second = await lists.current(ISSUER);
  expect(second.number).toBe(first.number + 1);
  expect(second.thisUpdate.getTime()).toBe(first.thisUpdate.getTime() - DAY * 1000);
  expect(signed).toHaveLength(2);
});

test("when a signature fails the next who asks has it made", async () => {
  const { lists, failures, revoke, serials } = harness();
  revoke("01");
  failures.push(new Error("the token is away"));
  await expect(lists.current(ISSUER)).rejects.toThrow("the token is away");
  expect(await serials()).toEqual(["01"]);
});

test("an issuer that does not sign has no CRL", async () => {
  await expect(harness().lists.current("22".repeat(32))).rejects.toMatchObject({ reason: "NotFound" });
});

test("the number is kept over a restart, with what it was given to on the hash chain", async () => {
  const opened = await openTestLedger();
  const issuer = issuerRecord();
  const issuerId = certificateRecord({ der: issuer.certificateDer }).fingerprint;
  await opened.ledger.issuers.record({ ...issuer, id: issuerId });
  const list = { issuerId, number: 42, thisUpdate: NOW, nextUpdate: NOW, entries: 3, sha256: "ab".repeat(32) };
  await opened.ledger.revocationListNumbers.record(list);
  await opened.ledger.revocationListNumbers.record({ ...list, number: 41 });
  expect(opened.ledger.revocationListNumbers.last()).toBe(42);
  await opened.reopen();
  expect(opened.ledger.revocationListNumbers.last()).toBe(42);
  const { items } = await opened.ledger.audit.find({ noun: "crl", limit: 10 });
  expect(items.map(({ subject, details }) => [subject, details["number"], details["entries"]])).toEqual([
    [issuerId, 41, 3],
    [issuerId, 42, 3],
  ]);
  await opened.close();
});
