import { generateKeyPairSync } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import type {
  TokenAnswer,
  TokenOperation,
} from "../../../../services/certificate-authority/custody/pkcs11/messages.ts";
import { Pin } from "../../../../services/certificate-authority/custody/pkcs11/pin.ts";
import { Token } from "../../../../services/certificate-authority/custody/pkcs11/token.ts";
import { TokenFailure } from "../../../../services/certificate-authority/custody/pkcs11/token-failure.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const spkiDer = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "der", type: "spki" });
const opened: Token[] = [];
afterEach(async () => {
  for (const token of opened.splice(0)) await token.close();
});

/** A token that does what the test says, and keeps what it was asked. */
class FakeThread {
  readonly asked: TokenOperation["kind"][] = [];
  fails: Partial<Record<TokenOperation["kind"], TokenFailure>> = {};

  ask({ kind }: TokenOperation): Promise<TokenAnswer> {
    this.asked.push(kind);
    const failure = this.fails[kind];
    if (failure !== undefined) return Promise.reject(failure);
    if (kind === "sign") return Promise.resolve({ kind: "signed", signature: new Uint8Array(64).fill(1) });
    return Promise.resolve(kind === "connect" ? { kind: "connected" } : { kind: "key", key: { spkiDer } });
  }

  count(kind: TokenOperation["kind"]): number {
    return this.asked.filter((one) => one === kind).length;
  }
}

async function open(thread: FakeThread) {
  const { logger, lines } = recordingLogger();
  const pin = new Pin({ variable: "HSM_PIN", value: "2468" });
  const address = { name: "hsm", tokenLabel: "ca" };
  const token = await Token.open({
    address,
    thread,
    pin,
    timeoutMilliseconds: 1000,
    logger,
    onChange: () => undefined,
  });
  opened.push(token);
  const key = await token.findKey("ca");
  if (key === undefined) throw new Error("the token has no key");
  return { token, key, lines };
}

const lost = new TokenFailure("lost", "CKR_DEVICE_REMOVED");
const wrongPin = new TokenFailure("pinRefused", "CKR_PIN_INCORRECT");
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("a refused PIN is offered once, however often a signature is asked for and the token is looked for", async () => {
  const thread = new FakeThread();
  const { token, key, lines } = await open(thread);
  thread.fails = { sign: lost, connect: wrongPin };
  const attempts = Array.from({ length: 20 }, () => key.sign("sha256", Buffer.from("leaf"), "der"));
  const outcomes = await Promise.allSettled(attempts);
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["rejected"]));
  // The token is looked for after half a second, and again after one more.
  await pause(1800);
  expect(thread.count("connect")).toBe(2);
  expect(token.problem).toMatch(/the environment variable HSM_PIN/);
  expect(JSON.stringify([lines, token.problem])).not.toContain("2468");
});

test("signatures that are asked for while the token is away do not reach it", async () => {
  const thread = new FakeThread();
  const { token, key, lines } = await open(thread);
  thread.fails = { sign: lost, connect: lost };
  await expect(key.sign("sha256", Buffer.from("leaf"), "der")).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  const before = thread.count("sign");
  await expect(key.sign("sha256", Buffer.from("leaf"), "der")).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  expect(thread.count("sign")).toBe(before);
  thread.fails = {};
  while (token.problem !== undefined) await pause(20);
  await expect(key.sign("sha256", Buffer.from("leaf"), "der")).resolves.toBeInstanceOf(Uint8Array);
  expect(lines.map(({ msg }) => msg)).toEqual([
    "a token is away; what its keys are to sign waits for it",
    "the token is back",
  ]);
});

test("what only an administrator can change fails that signature and nothing else", async () => {
  const thread = new FakeThread();
  const { token, key } = await open(thread);
  thread.fails = { sign: new TokenFailure("refused", "C_SignInit answered CKR_MECHANISM_INVALID") };
  await expect(key.sign("sha256", Buffer.from("leaf"), "der")).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  expect(token.problem).toBeUndefined();
  expect(thread.count("connect")).toBe(1);
});

test("an ECDSA signature is DER for certificates, and as it came for everything else", async () => {
  const { key } = await open(new FakeThread());
  const der = await key.sign("sha256", Buffer.from("leaf"), "der");
  expect(Buffer.from(der).toString("hex")).toBe(`30440220${"01".repeat(32)}0220${"01".repeat(32)}`);
  expect(await key.sign("sha256", Buffer.from("leaf"), "ieee-p1363")).toEqual(new Uint8Array(64).fill(1));
});
