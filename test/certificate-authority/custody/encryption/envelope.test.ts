import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Label } from "../../../../services/certificate-authority/custody/encryption/envelope.ts";
import { identityKey } from "../../../../services/certificate-authority/custody/encryption/identity-key.ts";
import { KeyRing } from "../../../../services/certificate-authority/custody/encryption/key-ring.ts";
import { localKey } from "../../../../services/certificate-authority/custody/encryption/local-keys.ts";
import type { SealingKey } from "../../../../services/certificate-authority/custody/encryption/sealing-key.ts";
import { version1Envelope } from "../../../builders/version-1-envelope.ts";

const LABEL: Label = { purpose: "issuer", name: "one" };
const secretOf = (fill: number, length = 32) => Buffer.alloc(length, fill);
const ringOf = (...keys: [SealingKey, ...SealingKey[]]) => new KeyRing("the test", keys);

const KEYS: readonly { name: string; make: (fill: number) => SealingKey; number: number }[] = [
  {
    name: "aesgcm of 16 octets",
    make: (fill) => localKey("aesgcm", { name: "k", secret: secretOf(fill, 16) }),
    number: 1,
  },
  {
    name: "aesgcm of 24 octets",
    make: (fill) => localKey("aesgcm", { name: "k", secret: secretOf(fill, 24) }),
    number: 1,
  },
  { name: "aesgcm of 32 octets", make: (fill) => localKey("aesgcm", { name: "k", secret: secretOf(fill) }), number: 1 },
  {
    name: "aescbc of 16 octets",
    make: (fill) => localKey("aescbc", { name: "k", secret: secretOf(fill, 16) }),
    number: 2,
  },
  { name: "aescbc of 32 octets", make: (fill) => localKey("aescbc", { name: "k", secret: secretOf(fill) }), number: 2 },
  { name: "secretbox", make: (fill) => localKey("secretbox", { name: "k", secret: secretOf(fill) }), number: 3 },
];
const ALL = [...KEYS, { name: "identity", make: () => identityKey(), number: 4 }];

test.each(ALL)("$name: what was sealed can be opened", async ({ make }) => {
  const ring = ringOf(make(7));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (secret) => {
      const opening = await ring.open(LABEL, await ring.seal(LABEL, secret));
      expect(opening).toEqual({ kind: "opened", secret: Buffer.from(secret) });
    }),
    { numRuns: 30 },
  );
});

test.each(ALL)("$name: the header is laid out as documented", async ({ make, number }) => {
  const envelope = await make(7).seal(LABEL, Buffer.from("secret"));
  expect(envelope.subarray(0, 5)).toEqual(Buffer.from("GHSE\x02", "latin1"));
  expect(envelope[5]).toBe(number);
  const fields = envelope.subarray(10, 10 + envelope.readUInt32BE(6));
  if (number === 4) expect(fields).toHaveLength(0);
  else expect(fields.subarray(0, 5).toString("hex")).toBe("00016b0008");
});

test.each(KEYS)("$name: nothing is in the clear and nothing twice the same", async ({ make }) => {
  const [one, two] = [
    await make(7).seal(LABEL, Buffer.from("secret")),
    await make(7).seal(LABEL, Buffer.from("secret")),
  ];
  expect(one.includes("secret")).toBe(false);
  expect(one).not.toEqual(two);
});

test.each(KEYS)("$name: a flipped bit anywhere is noticed", async ({ make }) => {
  const ring = ringOf(make(7));
  const envelope = await ring.seal(LABEL, Buffer.from("a secret of some length"));
  for (let index = 0; index < envelope.length; index += 1) {
    for (const bit of [1, 2, 4, 128]) {
      const damaged = Buffer.from(envelope);
      damaged.writeUInt8(damaged.readUInt8(index) ^ bit, index);
      const { kind } = await ring.open(LABEL, damaged);
      expect(["damaged", "otherKey", "otherVersion"]).toContain(kind);
      if (index < 4 || index >= 10 + envelope.readUInt32BE(6)) expect(kind).toBe("damaged");
    }
  }
});

test("identity: a flipped bit of secret or digest is noticed", async () => {
  const ring = ringOf(identityKey());
  const envelope = await ring.seal(LABEL, Buffer.from("secret"));
  for (let index = 10; index < envelope.length; index += 1) {
    const damaged = Buffer.from(envelope);
    damaged.writeUInt8(damaged.readUInt8(index) ^ 1, index);
    expect(await ring.open(LABEL, damaged)).toEqual({ kind: "damaged" });
  }
});

test.each(ALL)("$name: a cut or extended envelope is damaged", async ({ make }) => {
  const ring = ringOf(make(7));
  const envelope = await ring.seal(LABEL, Buffer.from("secret"));
  for (let length = 0; length < envelope.length; length += 1) {
    expect(await ring.open(LABEL, envelope.subarray(0, length))).toEqual({ kind: "damaged" });
  }
  expect(await ring.open(LABEL, Buffer.concat([envelope, Buffer.of(0)]))).toEqual({ kind: "damaged" });
});

test.each(ALL)("$name: an envelope does not open under another label", async ({ make }) => {
  const ring = ringOf(make(7));
  const envelope = await ring.seal(LABEL, Buffer.from("secret"));
  for (const label of [
    { ...LABEL, name: "two" },
    { ...LABEL, purpose: "another" },
  ]) {
    expect(await ring.open(label, envelope)).toEqual({ kind: "damaged" });
  }
});

test.each(KEYS)("$name: another key is told by provider, name and id", async ({ make }) => {
  const envelope = await make(8).seal(LABEL, Buffer.from("secret"));
  const opening = await ringOf(make(7)).open(LABEL, envelope);
  expect(opening).toEqual({
    kind: "otherKey",
    sealedWith: expect.stringMatching(/^(aesgcm|aescbc|secretbox) "k" with the key id [0-9a-f]{16}$/),
  });
});

test("arbitrary octets never open and never throw", async () => {
  const ring = ringOf(localKey("aesgcm", { name: "k", secret: secretOf(7) }), identityKey());
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, hasHead) => {
      const head = Buffer.from(hasHead ? "GHSE\x02" : "", "latin1");
      expect((await ring.open(LABEL, Buffer.concat([head, bytes]))).kind).not.toBe("opened");
    }),
  );
});

test("every key of a ring opens, its first seals, and renaming a key loses nothing", async () => {
  const old = localKey("aescbc", { name: "old", secret: secretOf(1) });
  const sealed = await old.seal(LABEL, Buffer.from("secret"));
  const first = localKey("secretbox", { name: "new", secret: secretOf(2) });
  const ring = ringOf(first, localKey("aescbc", { name: "renamed", secret: secretOf(1) }));
  expect(await ring.open(LABEL, sealed)).toEqual({ kind: "opened", secret: Buffer.from("secret") });
  expect(await ring.isCurrent(sealed)).toBe(false);
  const anew = await ring.seal(LABEL, Buffer.from("secret"));
  expect(await ring.isCurrent(anew)).toBe(true);
  expect((await ringOf(first).open(LABEL, anew)).kind).toBe("opened");
});

test("a key of one provider does not open what it sealed for another", async () => {
  const key = { name: "k", secret: secretOf(1) };
  const sealed = await localKey("aescbc", key).seal(LABEL, Buffer.from("secret"));
  expect((await ringOf(localKey("aesgcm", key), localKey("secretbox", key)).open(LABEL, sealed)).kind).toBe("otherKey");
});

test("version 1 is read by an aesgcm key of 32 octets, and is not current", async () => {
  const sealed = version1Envelope(secretOf(7), LABEL, Buffer.from("secret"));
  const ring = ringOf(localKey("aesgcm", { name: "k", secret: secretOf(7) }));
  expect(await ring.open(LABEL, sealed)).toEqual({ kind: "opened", secret: Buffer.from("secret") });
  expect(await ring.open({ ...LABEL, name: "two" }, sealed)).toEqual({ kind: "damaged" });
  expect(await ring.isCurrent(sealed)).toBe(false);
  for (let length = 0; length < sealed.length; length += 1) {
    expect(await ring.open(LABEL, sealed.subarray(0, length))).toEqual({ kind: "damaged" });
  }
  const other = ringOf(localKey("aesgcm", { name: "k", secret: secretOf(8) }));
  expect(await other.open(LABEL, sealed)).toEqual({
    kind: "otherKey",
    sealedWith: expect.stringMatching(/^aesgcm with the key id [0-9a-f]{16}$/),
  });
});
