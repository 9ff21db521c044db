import { expect, test } from "@jest/globals";
import { CustodyError, type CustodyErrorCode } from "../../services/certificate-authority/custody/custody-error.ts";
import { encryptionAtRest } from "../../services/certificate-authority/encryption-at-rest.ts";

const failing = (error: Error) => encryptionAtRest({ reencrypt: () => Promise.reject(error) });

test("an outcome passes through", async () => {
  const outcome = { provider: "aesgcm", keyName: "one", sealedFiles: 1, rewritten: 0 };
  expect(await encryptionAtRest({ reencrypt: async () => outcome }).reencrypt()).toBe(outcome);
});

test.each<{ code: CustodyErrorCode; reason: string; details: object | undefined }>([
  { code: "KeyServiceUnavailable", reason: "ServiceUnavailable", details: { retryAfterSeconds: 5 } },
  { code: "KeyServiceFailed", reason: "InternalError", details: undefined },
  { code: "EncryptionKeyMismatch", reason: "InternalError", details: undefined },
])("$code becomes $reason and keeps its words", async ({ code, reason, details }) => {
  await expect(failing(new CustodyError(code, "what is wrong")).reencrypt()).rejects.toMatchObject({
    name: "StatusError",
    reason,
    details,
    message: "cannot encrypt private keys anew: what is wrong",
  });
});

test("anything else stays what it is, for the edge to hide", async () => {
  const error = new Error("a defect");
  await expect(failing(error).reencrypt()).rejects.toBe(error);
});
