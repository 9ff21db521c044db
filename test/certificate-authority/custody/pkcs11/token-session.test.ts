import { createPublicKey, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PKCS11 } from "pkcs11js";
import {
  findToken,
  initialize,
  initializeAgain,
  loadModule,
} from "../../../../services/certificate-authority/custody/pkcs11/cryptoki.ts";
import { ecdsaSignatureDer } from "../../../../services/certificate-authority/custody/pkcs11/ecdsa-signature.ts";
import { TokenSession } from "../../../../services/certificate-authority/custody/pkcs11/token-session.ts";
import { NEEDS_SOFT_HSM, PIN, SOFT_HSM_MODULE, SoftHsm } from "../../../builders/soft-hsm.ts";

const describeWithTokens = SOFT_HSM_MODULE === undefined ? describe.skip : describe;
const ADDRESS = { name: "hsm", tokenLabel: "here" };

describeWithTokens(`a session with a token, on this thread (${NEEDS_SOFT_HSM})`, () => {
  let hsm: SoftHsm;
  let module: PKCS11;
  beforeAll(async () => {
    hsm = new SoftHsm();
    await hsm.useInThisProcess();
    hsm.addToken("here");
    module = await loadModule(SOFT_HSM_MODULE ?? "");
    initializeAgain(module);
    // Who has initialised it first does not matter.
    initialize(module);
  });
  afterAll(() => {
    module.C_Finalize();
    hsm.remove();
  });

  const open = (pin = PIN) => TokenSession.open(module, findToken(module, ADDRESS), pin);

  test.each([
    { algorithm: "ecdsa-p256", digest: "sha256" },
    { algorithm: "ecdsa-p384", digest: "sha384" },
    { algorithm: "rsa-2048", digest: "sha256" },
    { algorithm: "rsa-2048", digest: "sha384" },
    { algorithm: "rsa-2048", digest: "sha512" },
    { algorithm: "ed25519", digest: null },
  ] as const)(
    "what a key of $algorithm signs over $digest verifies with what is said to be its public half",
    ({ algorithm, digest }) => {
      const session = open();
      const keyLabel = `${algorithm} ${digest}`;
      expect(session.findKey(keyLabel)).toBeUndefined();
      const { spkiDer } = session.makeKey(keyLabel, algorithm);
      const data = Buffer.from("to be signed");
      const signature = session.sign(keyLabel, digest, data);
      const publicKey = createPublicKey({ key: Buffer.from(spkiDer), format: "der", type: "spki" });
      expect(
        verify(digest, data, publicKey, algorithm.startsWith("ecdsa") ? ecdsaSignatureDer(signature) : signature),
      ).toBe(true);
      session.check();
      session.close();
      expect(() => session.check()).toThrow("CKR_SESSION_HANDLE_INVALID");
    },
  );

  test("two keys of a label are refused, and so is a digest that does not fit the key", () => {
    const session = open();
    session.makeKey("single", "ecdsa-p256");
    expect(() => session.sign("single", null, Buffer.alloc(1))).toThrow("only Ed25519 keys sign without a hash");
    session.makeKey("pure", "ed25519");
    expect(() => session.sign("pure", "sha256", Buffer.alloc(1))).toThrow("keys of type 64 cannot sign certificates");
    expect(() => session.sign("absent", "sha256", Buffer.alloc(1))).toThrow('the key "absent" is gone');
    session.makeKey("double", "ecdsa-p256");
    const other = open();
    expect(() => other.makeKey("double", "ecdsa-p256")).toThrow('several private keys called "double"');
  });

  test("a wrong PIN is tried by logging in, once, and the session is closed", () => {
    module.C_CloseAllSessions(findToken(module, ADDRESS).slot);
    expect(() => open("0000-wrong")).toThrow("CKR_PIN_INCORRECT");
  });
});

test.each([
  { name: "locked", flags: 0x40_000, says: "the token has locked its PIN" },
  { name: "about to lock", flags: 0x20_000, says: "one more wrong PIN would lock the token, so none was tried" },
])("no PIN is offered to a token that is $name", ({ flags, says }) => {
  // Any call would fail on it.
  const untouchable = {} as PKCS11;
  expect(() => TokenSession.open(untouchable, { slot: Buffer.alloc(8), flags }, PIN)).toThrow(
    expect.objectContaining({ kind: "pinRefused", message: expect.stringContaining(says) }),
  );
});
