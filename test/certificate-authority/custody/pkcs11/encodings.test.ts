import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { expect, test } from "@jest/globals";
import { ecdsaSignatureDer } from "../../../../services/certificate-authority/custody/pkcs11/ecdsa-signature.ts";
import { CURVES } from "../../../../services/certificate-authority/custody/pkcs11/key-templates.ts";
import { curveSpki, rsaSpki } from "../../../../services/certificate-authority/custody/pkcs11/public-key.ts";
import {
  TokenFailure,
  toTokenFailure,
} from "../../../../services/certificate-authority/custody/pkcs11/token-failure.ts";

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" });
}

/** An OCTET STRING as tokens wrap points. */
function wrapped(point: Buffer): Buffer {
  const length = point.length < 0x80 ? [point.length] : [0x81, point.length];
  return Buffer.concat([Buffer.from([4, ...length]), point]);
}

test.each(["P-256", "P-384", "P-521"] as const)(
  "%s: the point, wrapped or bare, becomes the key; its signatures become DER",
  (curve) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
    const { x = "", y = "" } = publicKey.export({ format: "jwk" });
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
    expect(curveSpki(CURVES[curve], wrapped(point))).toEqual(spkiOf(publicKey));
    expect(curveSpki(CURVES[curve], point)).toEqual(spkiOf(publicKey));
    // Among many signatures some have short and some have negative-looking halves.
    for (let index = 0; index < 300; index += 1) {
      const data = Buffer.from(`${index}`);
      const raw = sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
      expect(verify("sha256", data, publicKey, ecdsaSignatureDer(raw))).toBe(true);
    }
  },
);

test.each([
  { name: "its object identifier", parameters: CURVES.Ed25519 },
  { name: "its name", parameters: Buffer.from("130c656477617264733235353139", "hex") },
])("Ed25519 by $name", ({ parameters }) => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  expect(curveSpki(parameters, wrapped(Buffer.from(x, "base64url")))).toEqual(spkiOf(publicKey));
});

test("an RSA key, with the zeros that some tokens put in front", () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const padded = (text: string): Buffer => Buffer.concat([Buffer.alloc(2), Buffer.from(text, "base64url")]);
  expect(createPublicKey({ key: rsaSpki(padded(n), padded(e)), format: "der", type: "spki" }).equals(publicKey)).toBe(
    true,
  );
});

test.each([
  {
    name: "another curve",
    parameters: "06052b8104000a",
    point: wrapped(Buffer.alloc(65, 4)),
    says: /a curve other than/,
  },
  {
    name: "a point of another length",
    parameters: "06082a8648ce3d030107",
    point: Buffer.alloc(70),
    says: /not as PKCS #11 has it/,
  },
  {
    name: "a point that is on no curve",
    parameters: "06082a8648ce3d030107",
    point: wrapped(Buffer.alloc(65, 4)),
    says: /no valid key/,
  },
])("$name is refused", ({ parameters, point, says }) => {
  expect(() => curveSpki(Buffer.from(parameters, "hex"), point)).toThrow(
    expect.objectContaining({ kind: "refused", message: expect.stringMatching(says) }),
  );
});

test.each([
  { message: "CKR_PIN_INCORRECT", kind: "pinRefused" },
  { message: "CKR_PIN_LOCKED:164", kind: "pinRefused" },
  { message: "CKR_MECHANISM_INVALID", kind: "refused" },
  { message: "CKR_ATTRIBUTE_READ_ONLY:16", kind: "refused" },
  { message: "CKR_SESSION_HANDLE_INVALID", kind: "lost" },
  { message: "CKR_DEVICE_REMOVED", kind: "lost" },
  { message: "CKR_TOKEN_NOT_PRESENT", kind: "lost" },
  { message: "CKR_USER_NOT_LOGGED_IN", kind: "lost" },
  { message: "something of a vendor's", kind: "lost" },
])("$message counts as $kind", ({ message, kind }) => {
  expect(toTokenFailure(Object.assign(new Error(message), { method: "C_Sign" }))).toMatchObject({
    kind,
    message: expect.stringMatching(/^C_Sign answered /),
  });
});

test("what was judged before is not judged again", () => {
  const failure = new TokenFailure("refused", "no");
  expect(toTokenFailure(failure)).toBe(failure);
  expect(toTokenFailure("gone")).toMatchObject({ kind: "lost", message: "gone" });
});
