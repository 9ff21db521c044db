import { hkdfSync } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createSealer, type Label } from "../../../services/certificate-authority/custody/envelope.ts";

const KEY = Buffer.alloc(32, 7);
const LABEL: Label = { purpose: "issuer", name: "one" };
const sealer = createSealer(KEY);

test("what was sealed can be opened", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (secret) => {
      expect(sealer.open(LABEL, sealer.seal(LABEL, secret))).toEqual({ kind: "opened", secret: Buffer.from(secret) });
    }),
  );
});

test("an envelope is laid out as documented and never the same twice", () => {
  const envelope = sealer.seal(LABEL, Buffer.from("secret"));
  expect(envelope.subarray(0, 5)).toEqual(Buffer.from("GHSE\x01", "latin1"));
  expect(envelope.subarray(5, 13).toString("hex")).toBe(sealer.keyId);
  expect(envelope.length).toBe(4 + 1 + 8 + 12 + "secret".length + 16);
  expect(envelope.includes("secret")).toBe(false);
  expect(sealer.seal(LABEL, Buffer.from("secret"))).not.toEqual(envelope);
});

test("a flipped bit anywhere is noticed", () => {
  const envelope = sealer.seal(LABEL, Buffer.from("a secret of some length"));
  for (let index = 0; index < envelope.length; index += 1) {
    for (const bit of [1, 128]) {
      const damaged = Buffer.from(envelope);
      damaged.writeUInt8(damaged.readUInt8(index) ^ bit, index);
      const expected = index < 4 || index >= 13 ? "damaged" : index === 4 ? "otherVersion" : "otherKey";
      expect({ index, kind: sealer.open(LABEL, damaged).kind }).toEqual({ index, kind: expected });
    }
  }
});

test("a cut or extended envelope is damaged", () => {
  const envelope = sealer.seal(LABEL, Buffer.from("secret"));
  for (let length = 0; length < envelope.length; length += 1) {
    expect(sealer.open(LABEL, envelope.subarray(0, length))).toEqual({ kind: "damaged" });
  }
  expect(sealer.open(LABEL, Buffer.concat([envelope, Buffer.of(0)]))).toEqual({ kind: "damaged" });
});

test("arbitrary bytes never open and never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(sealer.open(LABEL, bytes)).toEqual({ kind: "damaged" });
    }),
  );
});

test.each<{ name: string; label: Label }>([
  { name: "another name", label: { purpose: "issuer", name: "two" } },
  { name: "another purpose", label: { purpose: "another", name: "one" } },
])("an envelope does not open under $name", ({ label }) => {
  expect(sealer.open(label, sealer.seal(LABEL, Buffer.from("secret")))).toEqual({ kind: "damaged" });
});

test("another encryption key is told by its id", () => {
  const other = createSealer(Buffer.alloc(32, 8));
  expect(other.keyId).toMatch(/^[0-9a-f]{16}$/);
  expect(sealer.open(LABEL, other.seal(LABEL, Buffer.from("secret")))).toEqual({
    kind: "otherKey",
    keyId: other.keyId,
  });
});

test("derived keys follow HKDF, differ by purpose and reveal no other", () => {
  expect(sealer.derive("token-hash")).toEqual(
    Buffer.from(hkdfSync("sha256", KEY, "", "gatehouse/v1/derive/token-hash", 32)),
  );
  expect(sealer.derive("token-hash")).toEqual(createSealer(KEY).derive("token-hash"));
  expect(sealer.derive("audit")).not.toEqual(sealer.derive("token-hash"));
  expect(createSealer(Buffer.alloc(32, 8)).derive("audit")).not.toEqual(sealer.derive("audit"));
});
