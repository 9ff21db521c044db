import { hash } from "node:crypto";
import { expect, test } from "@jest/globals";
import { openTestLedger } from "../../builders/ledger.ts";
import { certificateRecord } from "../../builders/records.ts";

/** More than are read at a time when a ledger is opened. */
const KEYS = 2_100;

const spki = (number: number): string => hash("sha256", `key ${number}`, "hex");

test("every key on record is known after a restart, while they are read and afterwards", async () => {
  const opened = await openTestLedger();
  const records = Array.from({ length: KEYS }, (_, at) =>
    certificateRecord({
      der: Buffer.from(`certificate ${at}`),
      serial: (4096 + at).toString(16),
      spkiSha256: spki(at),
      nodeName: `node-${at}`,
    }),
  );
  await Promise.all(records.map((record) => opened.ledger.certificates.record(record)));
  await opened.reopen();
  const { certificates } = opened.ledger;
  const asked = (of: (at: number) => string | undefined) =>
    records.map((_, at) => certificates.otherNodeOfKey(spki(at), of(at)));
  const everyNode = records.map((_, at) => `node-${at}`);
  expect(asked(() => undefined)).toEqual(everyNode);
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(asked(() => "another")).toEqual(everyNode);
  expect(asked((at) => `node-${at}`).every((other) => other === undefined)).toBe(true);
  expect(certificates.otherNodeOfKey(spki(KEYS), undefined)).toBeUndefined();
  await certificates.record(certificateRecord({ spkiSha256: spki(KEYS), nodeName: "node-x" }));
  expect(certificates.otherNodeOfKey(spki(KEYS), undefined)).toBe("node-x");
  await opened.close();
});
