import { expect, test } from "@jest/globals";
import { createChallengeSeal } from "../../../services/certificate-authority/attestation/sealed-challenge.ts";

const seal = createChallengeSeal(Buffer.alloc(32, 1));
const CHALLENGE = {
  ...{ id: "00", nonce: "11", attestor: "tpm2", profile: "metal", nodeName: "node-1", spkiSha256: "22" },
  ...{ helloSha256: "33", expires: 1, secret: "deadbeef" },
};

test("a challenge comes back as it was, and tells its bearer nothing", () => {
  const sealed = seal.seal(CHALLENGE);
  expect(seal.open(sealed)).toEqual(CHALLENGE);
  expect(Buffer.from(sealed, "base64url").toString("latin1")).not.toContain("deadbeef");
  expect(seal.seal(CHALLENGE)).not.toBe(sealed);
});

test("a challenge that was changed anywhere, cut anywhere or sealed by another key is refused", () => {
  const octets = Buffer.from(seal.seal(CHALLENGE), "base64url");
  for (let at = 0; at < octets.length; at += 1) {
    const changed = Buffer.from(octets);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => seal.open(changed.toString("base64url"))).toThrow(/none of ours/);
    expect(() => seal.open(octets.subarray(0, at).toString("base64url"))).toThrow(/none of ours/);
  }
  const other = createChallengeSeal(Buffer.alloc(32, 2));
  expect(() => other.open(octets.toString("base64url"))).toThrow(/none of ours/);
});
