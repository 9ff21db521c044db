import { execFileSync } from "node:child_process";
import { createHash, verify, X509Certificate } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { TokenSettings } from "../../../../services/certificate-authority/custody/pkcs11/settings.ts";
import {
  createTokenIssuer,
  loadTokenIssuer,
  requestTokenIssuer,
} from "../../../../services/certificate-authority/custody/pkcs11/token-issuers.ts";
import { openTokens, type Tokens } from "../../../../services/certificate-authority/custody/pkcs11/tokens.ts";
import { CLASSICAL_ALGORITHMS } from "../../../../services/certificate-authority/domain/issuer.ts";
import { openssl } from "../../../builders/openssl.ts";
import { NEEDS_SOFT_HSM, PIN, SOFT_HSM_MODULE, SoftHsm } from "../../../builders/soft-hsm.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const describeWithTokens = SOFT_HSM_MODULE === undefined ? describe.skip : describe;
const NOW = new Date("2026-11-21T12:00:00Z");
const DAY_SECONDS = 86_400;

describeWithTokens(`keys in PKCS #11 tokens (${NEEDS_SOFT_HSM})`, () => {
  let hsm: SoftHsm;
  let opened: Tokens[] = [];
  let recorded = recordingLogger();

  beforeAll(async () => {
    hsm = new SoftHsm();
    await hsm.useInThisProcess();
    for (const label of ["alpha", "beta", "twin", "twin"]) hsm.addToken(label);
  });
  afterEach(async () => {
    for (const tokens of opened) await tokens.close();
    opened = [];
    recorded = recordingLogger();
  });
  afterAll(() => hsm.remove());

  function settings(changes: Partial<TokenSettings> = {}): TokenSettings {
    const module = SOFT_HSM_MODULE ?? "";
    return { name: "hsm", module, tokenLabel: "alpha", pinFile: hsm.pinFile, timeoutSeconds: 5, ...changes };
  }

  async function open(changes: Partial<TokenSettings> = {}, environment: Readonly<Record<string, string>> = {}) {
    const { logger } = recorded;
    const tokens = await openTokens({
      settings: [settings(changes)],
      environment: (name) => environment[name],
      logger,
    });
    opened.push(tokens);
    return tokens.get("hsm");
  }

  const wish = { commonName: "token CA", lifetimeSeconds: 30 * DAY_SECONDS, now: NOW, pathLength: 1 } as const;

  test.each(CLASSICAL_ALGORITHMS.map((algorithm) => ({ algorithm })))(
    "$algorithm: a key made inside certifies itself, is found again, and openssl agrees",
    async ({ algorithm }) => {
      const keyLabel = `ca-${algorithm}`;
      const token = await open();
      const { description, privateKey } = await createTokenIssuer({ token, keyLabel }, { ...wish, algorithm });
      expect(description).toMatchObject({ keyAlgorithm: algorithm, commonName: "token CA" });
      const file = join(hsm.home, `${algorithm}.crt`);
      writeFileSync(file, description.certificatePem);
      expect(openssl("verify", "-check_ss_sig", "-attime", `${NOW.getTime() / 1000}`, "-CAfile", file, file)).toMatch(
        /: OK/,
      );

      const again = await open();
      const found = await loadTokenIssuer({ token: again, keyLabel }, description.certificateDer, NOW, "on record");
      if (!("spkiDer" in privateKey && "spkiDer" in found.privateKey)) throw new Error("the key is not in the token");
      expect(Buffer.from(found.privateKey.spkiDer)).toEqual(Buffer.from(privateKey.spkiDer));
      const digest = algorithm === "ed25519" ? null : "sha384";
      const data = Buffer.from("whatever");
      const signature = await found.privateKey.sign(digest, data, "der");
      expect(verify(digest, data, new X509Certificate(description.certificateDer).publicKey, signature)).toBe(true);
    },
  );

  test("the request for a certificate from elsewhere is signed by the token", async () => {
    const place = { token: await open(), keyLabel: "requested" };
    const requestPem = await requestTokenIssuer(place, { commonName: "below", algorithm: "ecdsa-p384" });
    const file = join(hsm.home, "request.pem");
    writeFileSync(file, requestPem);
    expect(openssl("req", "-in", file, "-verify", "-noout", "-subject")).toContain("CN = below");
    expect(await requestTokenIssuer(place, { commonName: "below", algorithm: "ecdsa-p384" })).not.toBe("");
    expect(recorded.lines.filter(({ msg }) => msg === "made a key inside the token")).toHaveLength(1);
  });

  test("nobody gets a key out: not the value, not wrapped, not by making it extractable", async () => {
    const token = await open();
    await token.makeKey("guarded", "rsa-2048");
    expect(attemptsToExport("guarded")).toEqual({
      value: "CKR_ATTRIBUTE_SENSITIVE",
      wrapped: "CKR_KEY_UNEXTRACTABLE",
      madeExtractable: "CKR_ATTRIBUTE_READ_ONLY",
      flags: {
        sensitive: true,
        alwaysSensitive: true,
        extractable: false,
        neverExtractable: true,
        decrypt: false,
        unwrap: false,
      },
    });
  });

  /** In a process of its own, with the package itself, as somebody would who has the PIN. */
  function attemptsToExport(keyLabel: string): unknown {
    const program = fileURLToPath(new URL("./export-attempts.ts", import.meta.url));
    const env = { ...process.env, ...hsm.environment };
    return JSON.parse(
      execFileSync(process.execPath, [program, SOFT_HSM_MODULE ?? "", "alpha", PIN, keyLabel], {
        encoding: "utf8",
        env,
      }),
    );
  }

  /** A P-256 key that somebody else makes. */
  function makeKey(tokenLabel: string, keyLabel: string, kind: "extractable" | "guarded"): void {
    const program = fileURLToPath(new URL("./make-key.ts", import.meta.url));
    const env = { ...process.env, ...hsm.environment };
    execFileSync(process.execPath, [program, SOFT_HSM_MODULE ?? "", tokenLabel, PIN, keyLabel, kind], { env });
  }

  test.each([
    {
      name: "an unknown label",
      changes: { tokenLabel: "gamma" },
      code: "KeyServiceUnavailable",
      message: /no token with the label "gamma"; the module shows: .*"alpha" \(serial/,
    },
    {
      name: "a label that two tokens have",
      changes: { tokenLabel: "twin" },
      code: "TokenUnusable",
      message: /2 tokens have the label "twin"; name one by its serial: \w+, \w+/,
    },
    {
      name: "an unknown serial",
      changes: { tokenLabel: undefined, serial: "0123" },
      code: "KeyServiceUnavailable",
      message: /no token with the serial 0123/,
    },
    {
      name: "an unknown slot",
      changes: { slot: 77 },
      code: "KeyServiceUnavailable",
      message: /no token with the label "alpha" and the slot 77/,
    },
    {
      name: "no module",
      changes: { module: "/nowhere/p11.so" },
      code: "TokenUnusable",
      message: /the PKCS #11 module \/nowhere\/p11\.so cannot be loaded/,
    },
    {
      name: "no PIN file",
      changes: { pinFile: "/nowhere/pin" },
      code: "PinMissing",
      message: /\/nowhere\/pin should hold the PIN of a token, but has none/,
    },
    {
      name: "an empty variable",
      changes: { pinFile: undefined, pinEnvironment: "HSM_PIN" },
      code: "PinMissing",
      message: /the environment variable HSM_PIN should hold/,
    },
  ])("refused with the way out: $name", async ({ changes, code, message }) => {
    await expect(open(changes as Partial<TokenSettings>)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("a PIN file that others may read is refused", async () => {
    const pinFile = join(hsm.home, "open-pin");
    writeFileSync(pinFile, PIN);
    chmodSync(pinFile, 0o644);
    await expect(open({ pinFile })).rejects.toMatchObject({ code: "InsecurePermissions" });
  });

  test("the PIN may come from the environment, and the token be named by its serial or slot", async () => {
    const byEnvironment = await open({ pinFile: undefined, pinEnvironment: "HSM_PIN" }, { HSM_PIN: PIN });
    expect(byEnvironment.problem).toBeUndefined();
    const said = await open({ tokenLabel: "gamma" }).then(
      () => "opened",
      (error: Error) => error.message,
    );
    const [, serial = "", slot = ""] = /"beta" \(serial (\w+), slot (\d+)\)/.exec(said) ?? [];
    expect((await open({ tokenLabel: undefined, serial })).problem).toBeUndefined();
    expect((await open({ tokenLabel: undefined, slot: Number(slot) })).problem).toBeUndefined();
  });

  test("a wrong PIN is named by its setting, not by its value, and is offered once", async () => {
    const pinFile = join(hsm.home, "wrong-pin");
    writeFileSync(pinFile, "0000-wrong", { mode: 0o600 });
    const said = await open({ tokenLabel: "beta", pinFile }).then(
      () => "opened",
      (error: Error) => error.message,
    );
    expect(said).toContain(`refused the PIN in ${pinFile}`);
    expect(said + JSON.stringify(recorded.lines)).not.toContain("0000-wrong");
  });

  test("a key of another kind under the label is refused", async () => {
    const token = await open();
    await token.makeKey("of-rsa", "rsa-2048");
    await expect(
      createTokenIssuer({ token, keyLabel: "of-rsa" }, { ...wish, algorithm: "ecdsa-p256" }),
    ).rejects.toMatchObject({
      code: "KeyMismatch",
      message: expect.stringMatching(
        /"of-rsa" in the token hsm is rsa-2048, but the issuer's keyAlgorithm is ecdsa-p256/,
      ),
    });
  });

  test("a certificate of another key is refused, and so is a label without a key", async () => {
    const token = await open();
    const { description } = await createTokenIssuer({ token, keyLabel: "first" }, { ...wish, algorithm: "ecdsa-p256" });
    await token.makeKey("second", "ecdsa-p256");
    await expect(
      loadTokenIssuer({ token, keyLabel: "second" }, description.certificateDer, NOW, "on record"),
    ).rejects.toMatchObject({
      code: "KeyMismatch",
    });
    await expect(
      loadTokenIssuer({ token, keyLabel: "third" }, description.certificateDer, NOW, "on record"),
    ).rejects.toMatchObject({
      code: "TokenKeyMissing",
    });
  });

  test("a key is refused while it can be taken out", async () => {
    makeKey("beta", "loose", "extractable");
    const token = await open({ tokenLabel: "beta" });
    await expect(token.findKey("loose")).rejects.toMatchObject({
      code: "TokenUnusable",
      message: expect.stringMatching(/the key "loose" must sign, be sensitive and not be extractable/),
    });
  });

  test("pulled out in mid-signing and put back: refused at once, told once each way, and the same key signs again", async () => {
    const changes: (string | undefined)[] = [];
    const { logger } = recorded;
    const tokens = await openTokens({ settings: [settings()], environment: () => undefined, logger });
    opened.push(tokens);
    tokens.onChange(({ problem }) => changes.push(problem));
    const token = tokens.get("hsm");
    const key = await token.makeKey("steady", "ecdsa-p256");
    const data = createHash("sha256").update("leaf").digest();
    const inFlight = Array.from({ length: 200 }, () => key.sign("sha256", data, "der"));
    hsm.pullOut();
    await Promise.allSettled(inFlight);
    await expect(key.sign("sha256", data, "der")).rejects.toMatchObject({ reason: "ServiceUnavailable" });
    expect(key.problem).toMatch(/the token hsm is away: .*check its module, address and connection/);
    expect(() => token.requireWell()).toThrow(/is away/);
    // Nothing is made anew while it is away.
    await expect(token.findKey("another")).rejects.toMatchObject({ code: "KeyServiceUnavailable" });
    hsm.putBack();
    while (key.problem !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    const publicKey = new X509Certificate(
      (await createTokenIssuer({ token, keyLabel: "steady" }, { ...wish, algorithm: "ecdsa-p256" })).description
        .certificateDer,
    ).publicKey;
    expect(verify("sha256", data, publicKey, await key.sign("sha256", data, "der"))).toBe(true);
    expect(changes).toEqual([expect.stringMatching(/is away/), undefined]);
    const told = recorded.lines.filter(({ msg }) => /a token is away|the token is back/.test(msg));
    expect(told.map(({ level }) => level)).toEqual(["error", "info"]);
  });

  test("another token of the same name does not sign in its place", async () => {
    const token = await open();
    const key = await token.makeKey("own", "ecdsa-p256");
    hsm.pullOut();
    hsm.putAnotherIn("alpha");
    makeKey("alpha", "own", "guarded");
    await expect(key.sign("sha256", Buffer.from("leaf"), "der")).rejects.toMatchObject({
      reason: "ServiceUnavailable",
    });
    expect(key.problem).toMatch(/its key "own" is another one/);
    hsm.putBack();
    while (key.problem !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(key.sign("sha256", Buffer.from("leaf"), "der")).resolves.toBeInstanceOf(Uint8Array);
  });

  test.each([
    { name: "the module was finalized", interference: "loaded.C_Finalize();" },
    {
      name: "the user was logged out",
      interference: "slots.forEach((slot) => { try { loaded.C_Logout(loaded.C_OpenSession(slot, 4)); } catch {} });",
    },
    { name: "all sessions were closed", interference: "slots.forEach((slot) => loaded.C_CloseAllSessions(slot));" },
  ])("a session that ended is opened again unnoticed: $name", async ({ interference }) => {
    const token = await open();
    const key = await token.makeKey("ended", "ecdsa-p256");
    await hsm.interfere(interference);
    const signatures = await Promise.all(
      Array.from({ length: 50 }, () => key.sign("sha256", Buffer.from("leaf"), "der")),
    );
    expect(signatures).toHaveLength(50);
    expect(token.problem).toBeUndefined();
    expect(recorded.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a PIN that is wrong from some time on is offered once, and the corrected one ends it", async () => {
    const pinFile = join(hsm.home, "changing-pin");
    writeFileSync(pinFile, PIN, { mode: 0o600 });
    const token = await open({ pinFile });
    const key = await token.makeKey("pinned", "ecdsa-p256");
    writeFileSync(pinFile, "5555-changed");
    await hsm.interfere("loaded.C_Finalize();");
    await expect(key.sign("sha256", Buffer.from("leaf"), "der")).rejects.toMatchObject({
      reason: "ServiceUnavailable",
    });
    expect(key.problem).toMatch(/refused the PIN in .*changing-pin/);
    writeFileSync(pinFile, PIN);
    while (key.problem !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(JSON.stringify(recorded.lines)).not.toContain("5555-changed");
    await expect(key.sign("sha256", Buffer.from("leaf"), "der")).resolves.toBeInstanceOf(Uint8Array);
  });
});
