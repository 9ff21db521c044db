import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { answerTpmChallenge, readTpmIdentity } from "../../../services/node-agent/tpm/identity.ts";
import { openTpm } from "../../../services/node-agent/tpm/open-tpm.ts";
import { Tpm } from "../../../services/node-agent/tpm/tpm.ts";
import { TpmFailure } from "../../../services/node-agent/tpm/tpm-failure.ts";
import type { TpmTransport } from "../../../services/node-agent/tpm/tpm-transport.ts";
import { EmulatedTpm, HAS_SWTPM, NEEDS_SWTPM } from "../../builders/swtpm.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { exchangeWith, tpm2Attestor, verifyExchange } from "../../builders/tpm-attestation.ts";

const COMMAND = Buffer.from("80010000000c0000017e0000", "hex");
const OKAY = Buffer.from("80010000000a00000000", "hex");
const soon = () => AbortSignal.timeout(300);
const later = () => AbortSignal.timeout(10_000);

test.each([
  { location: "tpmrm0", message: "give a device such as /dev/tpmrm0, or tcp://HOST:PORT" },
  { location: "", message: "give a device" },
  { location: "tcp://127.0.0.1", message: "an address looks like tcp://127.0.0.1:2321" },
  { location: "tcp://:2321", message: "an address looks like" },
  { location: "tcp://127.0.0.1:0", message: "an address looks like" },
  { location: "tcp://127.0.0.1:99999", message: "an address looks like" },
  { location: "tcp://a:b:1", message: "an address looks like" },
  { location: "/dev/no-such-tpm", message: "no such device: is the TPM switched on" },
  { location: "tcp://127.0.0.1:1", message: "ECONNREFUSED" },
])("there is no TPM at $location, and why is said", async ({ location, message }) => {
  await expect(openTpm(location, later())).rejects.toThrow(message);
  await expect(openTpm(location, later())).rejects.toBeInstanceOf(TpmFailure);
});

describe("over TCP", () => {
  let server: Server | undefined;
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server?.close();
  });

  async function transportTo(answer: (socket: Socket) => void): Promise<TpmTransport> {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.once("data", () => answer(socket));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return await openTpm(`tcp://127.0.0.1:${port}`, later());
  }

  test("a response may come in pieces", async () => {
    const transport = await transportTo((socket) => {
      socket.write(OKAY.subarray(0, 3));
      setTimeout(() => socket.write(OKAY.subarray(3)), 20);
    });
    expect(await transport.exchange(COMMAND, later())).toEqual(OKAY);
    await transport.close();
  });

  test.each([
    { name: "says nothing", answer: () => undefined, message: "did not answer in time" },
    { name: "hangs up", answer: (socket: Socket) => socket.end(), message: "has closed the connection" },
    { name: "says half of it", answer: (socket: Socket) => socket.end(OKAY.subarray(0, 5)), message: "has closed" },
    {
      name: "speaks HTTP",
      answer: (socket: Socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
      message: "no TPM",
    },
    { name: "says more", answer: (socket: Socket) => socket.write(Buffer.concat([OKAY, OKAY])), message: "no TPM" },
    {
      name: "says too little",
      answer: (socket: Socket) => socket.write(Buffer.from("80010000000900000000", "hex")),
      message: "no TPM",
    },
  ])("what $name is no TPM, and is not asked again", async ({ answer, message }) => {
    const transport = await transportTo(answer);
    await expect(transport.exchange(COMMAND, soon())).rejects.toThrow(message);
    await expect(transport.exchange(COMMAND, soon())).rejects.toThrow("has closed the connection");
  });
});

/** A TPM that gives these response codes in turn. */
function answering(...codes: readonly number[]): { readonly transport: TpmTransport; readonly asked: () => number } {
  let asked = 0;
  const exchange = async (): Promise<Buffer> => {
    const response = Buffer.from(OKAY);
    response.writeUInt32BE(codes[Math.min(asked, codes.length - 1)] ?? 0, 6);
    asked += 1;
    return response;
  };
  return { transport: { exchange, close: async () => undefined }, asked: () => asked };
}

test("a TPM that is busy is asked again", async () => {
  const { transport, asked } = answering(0x922, 0x908, 0x90a, 0);
  await new Tpm(transport, later()).run({ name: "TPM2_SelfTest", code: 0x143 });
  expect(asked()).toBe(4);
});

test("a TPM that stays busy is given up", async () => {
  const { transport } = answering(0x922);
  const failed = new Tpm(transport, later()).run({ name: "TPM2_SelfTest", code: 0x143, milliseconds: 100 });
  await expect(failed).rejects.toMatchObject({ message: "TPM2_SelfTest: the TPM stayed busy", responseCode: 0x922 });
});

test.each([
  { code: 0x100, message: "was not started" },
  { code: 0x902, message: "no room for another key" },
  { code: 0x9a2, message: "has a password" },
  { code: 0x98e, message: "has a password" },
  { code: 0x185, message: "hierarchy is disabled" },
  { code: 0x1c4, message: 'see "tpm2_rc_decode 0x1c4"' },
])("refusals are explained: $code", async ({ code, message }) => {
  const { transport, asked } = answering(code);
  const failed = new Tpm(transport, later()).run({ name: "TPM2_CreatePrimary", code: 0x131 });
  await expect(failed).rejects.toMatchObject({ message: expect.stringContaining(message), responseCode: code });
  expect(asked()).toBe(1);
});

test("an answer that is too short is refused", async () => {
  const { transport } = answering(0);
  const failed = readTpmIdentity(transport, { signal: later() });
  await expect(failed).rejects.toThrow("the TPM answers what cannot be understood: moreData: truncated");
  await expect(failed).rejects.toBeInstanceOf(TpmFailure);
});

const HAS_SOCAT = hasSocat();
function hasSocat(): boolean {
  try {
    execFileSync("socat", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
const describeWithDevice = HAS_SWTPM && HAS_SOCAT ? describe : describe.skip;

describeWithDevice(`through a character device (${NEEDS_SWTPM} and socat)`, () => {
  let tpm: EmulatedTpm;
  const bridges: ChildProcess[] = [];

  beforeAll(async () => {
    tpm = await EmulatedTpm.start();
  }, 30_000);

  afterAll(async () => {
    for (const bridge of bridges) bridge.kill("SIGTERM");
    await tpm.remove();
  });

  /** A device whose other end is this address. */
  async function device(address: string): Promise<string> {
    const path = join(temporaryDirectory(), "tpm");
    bridges.push(spawn("socat", [`PTY,link=${path},raw,echo=0`, address], { stdio: "ignore" }));
    const deadline = Date.now() + 5000;
    while (!existsSync(path)) {
      if (Date.now() > deadline) throw new Error("socat made no device");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return path;
  }

  test("a machine attests", async () => {
    const transport = await openTpm(await device(tpm.location.replace("tcp://", "TCP:")), later());
    const attestor = tpm2Attestor({ allowUncertifiedEk: true });
    const exchange = await exchangeWith(attestor, transport, { endorsementKey: "p256" });
    await transport.close();
    await expect(verifyExchange(attestor, exchange)).resolves.toMatchObject({ isFresh: true, mustBeEnrolled: true });
  });

  test("a device that does not answer is given up in time", async () => {
    const transport = await openTpm(await device("EXEC:sleep 2"), later());
    const started = performance.now();
    await expect(transport.exchange(COMMAND, soon())).rejects.toThrow("did not answer in time");
    expect(performance.now() - started).toBeLessThan(1500);
    await expect(transport.exchange(COMMAND, soon())).rejects.toThrow("still at work on a command that was given up");
    await transport.close();
  });
});

const testWithTpm = HAS_SWTPM ? test : test.skip;
testWithTpm(`what the machine lacks is said before anything is signed (${NEEDS_SWTPM})`, async () => {
  const tpm = await EmulatedTpm.start();
  try {
    const signal = later();
    const { hello } = await readTpmIdentity(await tpm.connect(), { endorsementKey: "p256", signal });
    const params = { credentialBlob: "", encryptedSecret: "", pcrs: { sha256: [0] }, eventLog: true };
    const challenge = { hello, params, bind: Buffer.alloc(32), signal };
    await expect(answerTpmChallenge(await tpm.connect(), challenge)).rejects.toThrow("firmware's event log");
    const attestor = tpm2Attestor({ allowUncertifiedEk: true, pcrs: { sha384: [0] } });
    await expect(exchangeWith(attestor, await tpm.connect())).rejects.toThrow(
      "does not have all PCRs that are asked for: sha384:0",
    );
  } finally {
    await tpm.remove();
  }
});
